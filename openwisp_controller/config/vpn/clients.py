"""Which devices are clients of which servers: rows follow the templates of configurations, many at once."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.db.models.signals import post_save
from openwisp_ipam.models import IpAddress, Subnet

from ...common.sql import update_many
from ...common.wakeup import wake
from . import addresses, credentials, keys, peers, zerotier

if TYPE_CHECKING:
    from ..models import Config, Template, Vpn, VpnClient

logger = logging.getLogger(__name__)
_removing: ContextVar[bool] = ContextVar("config_removing_vpn_clients", default=False)


# reading


def of_configs(configs: Sequence[Config]) -> dict[uuid.UUID, list[VpnClient]]:
    """Return the clients of each configuration, with all that variables need; those of one server share its instance.

    Args:
        configs: saved or not; those known to have no clients (see ``compiler.load``) cost nothing.
    """
    from ..models import Vpn, VpnClient

    result: dict[uuid.UUID, list[VpnClient]] = {}
    fresh = []
    for config in configs:
        known = config.__dict__.get("_vpn_clients")
        if known is not None:
            result[config.pk] = known
        elif config.__dict__.get("has_vpn_clients", True) and not config._state.adding:
            fresh.append(config)
    if fresh:
        rows = VpnClient.objects.filter(config__in=[config.pk for config in fresh]).order_by("pk")
        found = list(rows.select_related("cert", "ip"))
        servers = Vpn.objects.select_related("ca", "cert", "subnet", "ip").in_bulk({row.vpn_id for row in found})
        by_key = {config.pk: config for config in fresh}
        result.update({config.pk: [] for config in fresh})
        for row in found:
            row.vpn = servers[row.vpn_id]
            if row.cert is not None and row.cert.ca_id == row.vpn.ca_id:
                row.cert.ca = row.vpn.ca
            row.config = by_key[row.config_id]
            result[row.config_id].append(row)
        for config in fresh:
            if "has_vpn_clients" in config.__dict__:  # loaded to be compiled, and gone after that
                config.__dict__["_vpn_clients"] = result[config.pk]
    return result


# following the templates


@contextmanager
def removed_first(which: Q) -> Iterator[None]:
    """Remove clients set by set, then go on with deleting what they depend on, all in one transaction."""
    from ..unit_of_work import batch

    with batch():
        remove(which)
        yield


def synchronise(config_ids: Iterable[uuid.UUID], *, at_once: bool = True) -> None:
    """Make clients of configurations follow their templates; must run in a batch, with the configurations locked.

    Args:
        config_ids: configurations whose templates may have changed.
        at_once: costly keys may be made right away, where it is one; else they are left to the background.
    """
    from ..models import Config, Template, VpnClient

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
        _create(wanted, at_once)


def _create(wanted: dict[tuple[uuid.UUID, uuid.UUID], tuple[uuid.UUID, bool]], at_once: bool) -> None:
    from ..models import Config, Template, Vpn, VpnClient

    configs = Config.objects.select_related("device__organization").in_bulk({config for config, _vpn in wanted})
    servers = Vpn.objects.select_related("ca", "subnet").in_bulk({vpn for _config, vpn in wanted})
    templates = Template.objects.in_bulk({template for template, _auto in wanted.values()})
    created = [
        VpnClient(config=configs[config], vpn=servers[vpn], template=templates[template], auto_cert=auto_cert)
        for (config, vpn), (template, auto_cert) in wanted.items()
        if config in configs and vpn in servers and template in templates
    ]
    provide([client for client in created if client.auto_cert], at_once=at_once)
    VpnClient.objects.bulk_create(created)
    for client in created:
        client._remember()
        post_save.send(sender=VpnClient, instance=client, created=True, raw=False, using=client._state.db,
                       update_fields=None)  # fmt: skip
    after_creating(created)


def after_creating(clients: Sequence[VpnClient]) -> None:
    """Let servers know their new clients."""
    for client in clients:
        if client.auto_cert:
            zerotier.member_changed(client)
    peers.changed({client.vpn_id: client.vpn for client in clients if client.auto_cert}.values())
    if any(credentials.is_waiting(client) for client in clients):
        wake("config.make_client_credentials")


# what a client needs


def provide(clients: Sequence[VpnClient], *, at_once: bool) -> None:
    """Give clients what they lack: certificate, address, keys, network identifier, identity. Does not save them.

    Args:
        clients: with configuration, device and server at hand.
        at_once: one costly key may be made right away; otherwise they are left to the background.
    """
    subnets = {client.vpn.subnet_id for client in clients if client.vpn.subnet_id is not None}
    addresses.lock(sorted(subnets))
    by_server: dict[uuid.UUID, list[VpnClient]] = {}
    for client in clients:
        by_server.setdefault(client.vpn_id, []).append(client)
    for of_server in by_server.values():
        vpn = of_server[0].vpn
        _provide_addresses(vpn, [client for client in of_server if client.ip_id is None])
        if vpn.family.wireguard:
            for client in of_server:
                if not (client.public_key and client.private_key):
                    client.private_key, client.public_key = keys.new_pair()
        if vpn.family.vxlan:
            _provide_vnis(vpn, [client for client in of_server if client.vni is None])
        if vpn.family.zerotier:
            credentials.reuse_identities([client for client in of_server if not client.secret])
    waiting = [client for client in clients if credentials.is_waiting(client)]
    if at_once and len(waiting) == 1:
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
    if not clients or vpn.family.vni_of(vpn) is not None:
        return
    highest = vpn.vpnclient_set.aggregate(highest=models.Max("vni"))["highest"] or 0
    for number, client in enumerate(clients, highest + 1):
        client.vni = number


def missing_address(config: Config) -> str:
    """Return, in words, which address a device could not be given; empty when it has all that it needs."""
    for client in of_configs([config]).get(config.pk, ()):
        vpn = client.vpn
        if not client.auto_cert or client.ip_id is not None or not vpn.family.needs_subnet:
            continue
        nobody = f'The device has no address for the VPN server "{vpn.name}"'
        if vpn.subnet is None:
            return f"{nobody}: the server has no subnet."
        if client.gets_address:
            return f"{nobody}: the subnet {vpn.subnet.subnet} has no free one left."
    return ""


def check_free_address(config: Config, templates: Iterable[Template]) -> Subnet | None:
    """Return the exhausted subnet that would leave a new client of one of the ``templates`` without address."""
    from ..models import VpnClient

    for template in templates:
        vpn = template.vpn
        if vpn is None or not template.auto_cert or vpn.subnet is None:
            continue
        if config.pk and VpnClient.objects.filter(config=config.pk, vpn=vpn).exists():
            continue
        client = VpnClient(config=config, vpn=vpn, template=template, auto_cert=True)
        if client.gets_address and not addresses.has_free(vpn.subnet):
            return vpn.subnet
    return None


def issue_again(vpn: Vpn) -> None:
    """Replace the certificates of all clients of a server that got another CA, in the background."""
    from ...pki.models import Cert

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
    from ..models import VpnClient

    update_many(VpnClient, ("id", "ip_id"), [[client.pk, client.ip_id] for client in clients])
    for client in clients:
        if client.auto_cert:
            zerotier.member_changed(client)
    peers.changed({client.vpn_id: client.vpn for client in clients if client.auto_cert}.values())


# losing it


def remove(which: Q) -> int:
    """Delete clients and give back what they had, with few statements; return how many there were."""
    from ..models import VpnClient
    from ..unit_of_work import batch

    with batch() as current:
        rows = VpnClient.objects.filter(which)
        current.lock(list(rows.order_by().values_list("config_id", flat=True)))
        clients = list(rows.select_related("vpn"))
        if not clients:
            return 0
        token = _removing.set(True)
        try:
            VpnClient.objects.filter(pk__in=[client.pk for client in clients]).delete()
            _give_back(clients)
        finally:
            _removing.reset(token)
        return len(clients)


def on_deletion(instance: VpnClient, origin: Any = None, **kwargs: Any) -> None:
    """Receive ``post_delete``: a client that goes with something else gives back what it had.

    One whose certificate was deleted by hand comes back with another, for its template is still there.
    """
    from ...pki.models import Cert
    from ..models import Cause, Config
    from ..unit_of_work import batch

    if _removing.get():
        return
    with batch() as current:
        _give_back([instance])
        if isinstance(origin, Cert) or getattr(origin, "model", None) is Cert:
            current.vpn_clients_follow(instance.config_id)
            current.stale(Config.objects.filter(pk=instance.config_id), Cause.INPUTS, "certificate deleted")


def are_removed() -> bool:
    """Tell whether clients are being removed, who give their addresses back."""
    return _removing.get()


def _give_back(clients: Sequence[VpnClient]) -> None:
    """Revoke certificates that were made for clients, free their addresses, let servers know."""
    from ...pki.models import Cert

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


def waiting_configs() -> Exists:
    """Return the condition of configurations that must not be compiled yet: a key of theirs is still being made."""
    from ..models import VpnClient

    return Exists(VpnClient.objects.filter(credentials.WAITING, config=OuterRef("pk")))
