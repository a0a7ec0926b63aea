"""VPN clients follow the templates of configurations, many at once: created, provided with what they need, removed."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from openwisp_ipam.models import IpAddress

from ...common.sql import update_many
from ...common.wakeup import wake
from ...pki.models import Cert
from ..models import Config, Template, Vpn, VpnClient
from ..unit_of_work import UnitOfWork, unit_of_work
from . import addresses, credentials, keys, peers, zerotier
from .reading.clients import is_waiting

logger = logging.getLogger(__name__)


class ClientsToReconcile:
    """Configurations whose VPN clients are to follow their templates at the end of a unit of work."""

    def __init__(self) -> None:
        self._configs: set[uuid.UUID] = set()

    def add(self, config_id: uuid.UUID) -> None:
        """Note a configuration by its primary key."""
        self._configs.add(config_id)

    def run(self, unit: UnitOfWork) -> bool:
        """Reconcile what was noted up to now; return whether there was anything."""
        if not self._configs:
            return False
        configs, self._configs = self._configs, set()
        unit.lock(Config, configs)
        reconcile(configs, inline=not unit.background)
        return True


class _Removal:
    """Clients that a unit of work is removing as a set, which gives back what they had."""

    def __init__(self) -> None:
        self.clients: set[int] = set()
        self.addresses: set[uuid.UUID] = set()


@contextmanager
def removed_first(which: Q) -> Iterator[None]:
    """Remove clients set by set, then go on with deleting what they depend on, all in one transaction."""

    with unit_of_work():
        remove(which)
        yield


def reconcile(config_ids: Iterable[uuid.UUID], *, inline: bool = True) -> None:
    """Make clients of configurations follow their templates, in a unit of work that holds locks on them.

    Args:
        config_ids: configurations whose templates may have changed.
        inline: a costly key may be made right away, where it is one; else they are left to the background.
    """

    keys_of_configs = list(config_ids)
    links = Config.templates.through.objects.filter(
        config__in=keys_of_configs, template__type=Template.Type.VPN, template__vpn__isnull=False
    ).filter(template__backend=models.F("config__backend"))
    wanted: dict[tuple[uuid.UUID, uuid.UUID], tuple[uuid.UUID, bool]] = {}
    for config, vpn, template, auto_cert in links.order_by("config", "sort_value", "id").values_list(
        "config_id", "template__vpn_id", "template_id", "template__auto_cert"
    ):
        wanted.setdefault((config, vpn), (template, auto_cert))
    gone, lacking = [], []
    for client in VpnClient.objects.filter(config__in=keys_of_configs):
        expected = wanted.get((client.config_id, client.vpn_id))
        if expected is None or expected[1] != client.auto_cert:
            gone.append(client.pk)
            continue
        if expected[0] != client.template_id:  # another template of the same server: keys and address stay
            VpnClient.objects.filter(pk=client.pk).update(template=expected[0])
        if client.auto_cert and client.ip_id is None:
            lacking.append(client.pk)
        del wanted[client.config_id, client.vpn_id]
    if gone:
        remove(Q(pk__in=gone))
    if lacking:  # the subnet was exhausted then, or the server had none
        there = VpnClient.objects.filter(pk__in=lacking, vpn__subnet__isnull=False).order_by("pk")
        provide_addresses(list(there.select_related("vpn__subnet", "config__device")))
    if wanted:
        _create_wanted(wanted, inline)


def _create_wanted(wanted: dict[tuple[uuid.UUID, uuid.UUID], tuple[uuid.UUID, bool]], inline: bool) -> None:
    configs = Config.objects.select_related("device__organization").in_bulk({config for config, _vpn in wanted})
    servers = Vpn.objects.select_related("ca", "subnet").in_bulk({vpn for _config, vpn in wanted})
    templates = Template.objects.in_bulk({template for template, _auto in wanted.values()})
    create(
        [
            VpnClient(config=configs[config], vpn=servers[vpn], template=templates[template], auto_cert=auto_cert)
            for (config, vpn), (template, auto_cert) in wanted.items()
            if config in configs and vpn in servers and template in templates
        ],
        inline=inline,
    )


def create(clients: Sequence[VpnClient], *, inline: bool) -> None:
    """Store new clients with what they need, one or many.

    Args:
        clients: with configuration, device, server and template at hand.
        inline: a costly key may be made right away, where it is one; else they are left to the background.
    """
    with unit_of_work():
        provide([client for client in clients if client.auto_cert], inline=inline)
        VpnClient.insert(clients)


def create_one(client: VpnClient) -> None:
    """Store a new client that somebody made himself; its configuration is compiled."""
    with unit_of_work() as unit:
        create([client], inline=True)
        unit.happened(client, "stored by itself")


def tell_server_of_new(unit: UnitOfWork, client: VpnClient) -> None:
    """Let the server of a new client know it, and have credentials made that it waits for."""
    if not client.auto_cert:
        return
    zerotier.member_changed(client)
    peers.changed([client.vpn])
    if is_waiting(client):
        unit.follow_up("credentials of VPN clients", lambda: wake("config.make_client_credentials"))


# what a client needs


def provide(clients: Sequence[VpnClient], *, inline: bool) -> None:
    """Give clients what they lack: certificate, address, keys, network identifier, identity. Does not save them.

    Args:
        clients: with configuration, device and server at hand.
        inline: one costly key may be made right away; otherwise they are left to the background.
    """
    subnets = {client.vpn.subnet_id for client in clients if client.vpn.subnet_id is not None}
    addresses.lock(sorted(subnets))
    by_server: dict[uuid.UUID, list[VpnClient]] = {}
    for client in clients:
        by_server.setdefault(client.vpn_id, []).append(client)
    for of_server in by_server.values():
        vpn = of_server[0].vpn
        _provide_addresses(vpn, [client for client in of_server if client.ip_id is None])
        if vpn.kind.wireguard:
            for client in of_server:
                if not (client.public_key and client.private_key):
                    client.private_key, client.public_key = keys.new_pair()
        if vpn.kind.vxlan:
            _provide_vnis(vpn, [client for client in of_server if client.vni is None])
        if vpn.kind.zerotier:
            credentials.reuse_identities([client for client in of_server if not client.secret])
    waiting = [client for client in clients if is_waiting(client)]
    if inline and len(waiting) == 1:
        credentials.provide_now(waiting[0])


def _provide_addresses(vpn: Vpn, clients: Sequence[VpnClient]) -> None:
    wanting = [client for client in clients if client.gets_address]
    if not wanting or vpn.subnet is None:
        return
    found = addresses.allocate(vpn.subnet, len(wanting))
    for client, address in zip(wanting, found, strict=False):
        client.ip = address
    if len(found) < len(wanting):
        logger.error("Subnet %s has no free address left for clients of VPN server %s", vpn.subnet.subnet, vpn.pk)
        wake("config.notify_addresses_exhausted", str(vpn.pk))


def _provide_vnis(vpn: Vpn, clients: Sequence[VpnClient]) -> None:
    """Number the tunnels of clients, unless the server has one number for all; the subnet's lock serialises it."""
    if not clients or vpn.kind.vni_of(vpn) is not None:
        return
    highest = vpn.vpnclient_set.aggregate(highest=models.Max("vni"))["highest"] or 0
    for number, client in enumerate(clients, highest + 1):
        client.vni = number


def issue_again(vpn: Vpn) -> None:
    """Replace the certificates of all clients of a server that got another CA, in the background."""

    former = vpn.vpnclient_set.filter(auto_cert=True, cert__isnull=False).exclude(cert__ca=vpn.ca_id)
    certificates = list(former.values_list("cert", flat=True))
    if certificates:
        vpn.vpnclient_set.filter(cert__in=certificates).update(cert=None)
        Cert.objects.filter(pk__in=certificates, revoked=False).update(revoked=True, revoked_at=Now(), modified=Now())
        wake("config.make_client_credentials")


def provide_addresses(clients: Sequence[VpnClient]) -> None:
    """Give clients that lost theirs an address of the server's subnet, if they are to get one from there."""
    wanting = [client for client in clients if client.auto_cert and client.ip_id is None]
    by_server: dict[uuid.UUID, list[VpnClient]] = {}
    for client in wanting:
        by_server.setdefault(client.vpn_id, []).append(client)
    addresses.lock(sorted({client.vpn.subnet_id for client in wanting if client.vpn.subnet_id is not None}))
    for of_server in by_server.values():
        _provide_addresses(of_server[0].vpn, of_server)
    store_addresses([client for client in wanting if client.ip_id is not None])


def store_addresses(clients: Sequence[VpnClient]) -> None:
    """Store the addresses of clients, many at once, and let servers know; compiling is up to the caller."""

    update_many(VpnClient, ("id", "ip_id"), [[client.pk, client.ip_id] for client in clients])
    for client in clients:
        if client.auto_cert:
            zerotier.member_changed(client)
    peers.changed({client.vpn_id: client.vpn for client in clients if client.auto_cert}.values())


# losing it


def remove(which: Q) -> int:
    """Delete clients and give back what they had, with few statements; return how many there were."""
    with unit_of_work() as unit:
        rows = VpnClient.objects.filter(which)
        unit.lock(Config, list(rows.order_by().values_list("config_id", flat=True)))
        clients = list(rows.select_related("vpn"))
        if not clients:
            return 0
        keys_of_clients = [client.pk for client in clients]
        removal = unit.of(_Removal)
        removal.clients.update(keys_of_clients)
        removal.addresses.update(client.ip_id for client in clients if client.ip_id is not None)
        VpnClient.objects.filter(pk__in=keys_of_clients).delete()
        _give_back(clients)
        return len(clients)


def on_deletion(instance: VpnClient, origin: Any = None, **kwargs: Any) -> None:
    """Receive ``post_delete``: a client that goes with something else gives back what it had.

    One whose certificate was deleted by hand comes back with another, for its template is still there.
    """
    with unit_of_work() as unit:
        if instance.pk in unit.of(_Removal).clients:
            return
        _give_back([instance])
        if isinstance(origin, Cert) or getattr(origin, "model", None) is Cert:
            unit.happened(instance, "certificate deleted", detail="certificate deleted")


def gives_back(unit: UnitOfWork, address: uuid.UUID) -> bool:
    """Tell whether this address is being freed because its client is removed."""
    return address in unit.of(_Removal).addresses


def _give_back(clients: Sequence[VpnClient]) -> None:
    """Revoke certificates that were made for clients, free their addresses, let servers know."""

    certificates = [client.cert_id for client in clients if client.auto_cert and client.cert_id is not None]
    if certificates:
        Cert.objects.filter(pk__in=certificates, revoked=False).update(revoked=True, revoked_at=Now(), modified=Now())
    ips = [client.ip_id for client in clients if client.ip_id is not None]
    if ips:
        IpAddress.objects.filter(pk__in=ips).delete()
    for client in clients:
        if client.auto_cert:
            zerotier.member_removed(client)
    peers.changed({client.vpn_id: client.vpn for client in clients if client.auto_cert}.values())
