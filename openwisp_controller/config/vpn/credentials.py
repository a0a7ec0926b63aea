"""Certificates of OpenVPN clients and identities of ZeroTier members.

They are costly, so for many devices, and for long keys, they are made in the background, one transaction each. Which
clients still wait for theirs stands in their rows; their configurations are compiled once they have them.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef
from django.utils.crypto import get_random_string
from django.utils.text import slugify

from ...common import claims
from ...pki import issuing
from ...pki.models import Ca, Cert
from ..exceptions import ZeroTierIdentityGenerationError
from ..models import Config, Vpn, VpnClient
from ..settings import settings
from ..unit_of_work import unit_of_work
from . import zerotier
from .reading.clients import WAITING

logger = logging.getLogger(__name__)
_COPIED_FROM_CA = ("key_length", "country_code", "state", "city", "organization_name", "email")
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def provide_now(client: VpnClient) -> None:
    """Make the credentials of one client while somebody waits for it, if that is quick."""
    ca: Ca | None = client.vpn.ca
    if client.cert_id is None and ca is not None and issuing.is_quick(ca.key_length):
        client.cert = _new_certificate(client, ca, issuing.new_key(ca.key_length))


def reuse_identities(clients: Sequence[VpnClient]) -> None:
    """Give clients the identity that their device has in another ZeroTier network: a device has one."""
    if not clients:
        return
    others = VpnClient.objects.filter(config__in=[client.config_id for client in clients]).exclude(secret="")
    known = dict(others.values_list("config_id", "secret"))
    for client in clients:
        client.secret = known.get(client.config_id, "")


def make_all() -> int:
    """Make credentials until nobody waits any more; return how many were made."""
    return sum(work.all() for work in _WORK)


def exist_to_make() -> bool:
    """Tell whether somebody waits for credentials that are made here."""
    return _servers_waiting().exists() or VpnClient.objects.filter(WAITING).exists()


def _servers_waiting() -> Any:
    """Return servers whose certificate takes too long to be made while somebody waits for it."""
    return Vpn.objects.filter(ca__isnull=False, cert=None).exclude(ca__certificate="")


def _first_key(lengths: Iterable[tuple[Any, str]], failed: set[Any]) -> issuing.PrivateKey | None:
    """Make a key of the first length that is supported; those whose length is not are logged and left out.

    Args:
        lengths: primary keys of those who wait, each with the length of the key that it needs.
        failed: gets the primary keys of those that are left out.
    """
    for pk, length in lengths:
        try:
            return issuing.new_key(length)
        except ValidationError as error:
            logger.error("No key can be made for %s: %s", pk, "; ".join(error.messages))
            failed.add(pk)
    return None


def _key_for_server(failed: set[uuid.UUID]) -> issuing.PrivateKey | None:
    """Make a key for whichever server comes first, outside of the transaction."""
    waiting = _servers_waiting().exclude(pk__in=failed).order_by("pk")
    return _first_key(waiting.values_list("pk", "ca__key_length"), failed)


def _claim_server(key: issuing.PrivateKey, failed: set[uuid.UUID]) -> Vpn | None:
    rows = _servers_waiting().exclude(pk__in=failed).filter(ca__key_length=str(key.key_size)).order_by("pk")
    vpn: Vpn | None = claims.lock(rows.select_related("ca", "organization")).first()
    return vpn


def _certify_server(vpn: Vpn, key: issuing.PrivateKey) -> None:
    vpn.cert = server_certificate(vpn, key)
    vpn.save(update_fields=["cert", "modified"])


def _clients_without_certificate(failed: set[int]) -> Any:
    rows = VpnClient.objects.filter(auto_cert=True, cert=None, vpn__ca__isnull=False)
    return rows.exclude(pk__in=failed).order_by("pk")


def _key_for_client(failed: set[int]) -> issuing.PrivateKey | None:
    """Make a key for whichever client comes first, outside of the transaction."""
    return _first_key(_clients_without_certificate(failed).values_list("pk", "vpn__ca__key_length"), failed)


def _claim_client(key: issuing.PrivateKey, failed: set[int]) -> VpnClient | None:
    return _claim(_clients_without_certificate(failed).filter(vpn__ca__key_length=str(key.key_size)))


def _certify_client(client: VpnClient, key: issuing.PrivateKey) -> None:
    assert client.vpn.ca is not None
    _provide(client, cert=_new_certificate(client, client.vpn.ca, key))


def _members_without_identity(failed: set[int]) -> Any:
    rows = VpnClient.objects.filter(auto_cert=True, secret="", vpn__backend__icontains="zerotier")
    return rows.exclude(pk__in=failed).order_by("pk")


def _identity(failed: set[int]) -> str | None:
    if not _members_without_identity(failed).exists():
        return None
    try:
        return new_identity()
    except ZeroTierIdentityGenerationError as error:
        logger.error("%s", error)
        return None


def _claim_member(identity: str, failed: set[int]) -> VpnClient | None:
    return _claim(_members_without_identity(failed))


def _identify(client: VpnClient, identity: str) -> None:
    reuse_identities([client])
    identity = client.secret or identity
    _provide(client, secret=identity, zerotier_member_id=identity[:10])
    zerotier.member_changed(client)


_WORK = (
    claims.Work("Certificate of VPN server", _claim_server, _certify_server, prepare=_key_for_server),
    claims.Work("Certificate of VPN client", _claim_client, _certify_client, prepare=_key_for_client),
    claims.Work("Identity of VPN client", _claim_member, _identify, prepare=_identity),
)


def _provide(client: VpnClient, **values: Any) -> None:
    """Store what was made for a client, and let its configuration be compiled, as what it was marked for."""
    with unit_of_work() as unit:
        VpnClient.objects.filter(pk=client.pk).update(**values)
        for name, value in values.items():
            setattr(client, name, value)
        unit.happened(client, "credentials made", detail=f'credentials for VPN server "{client.vpn.name}"')


def _claim(rows: Any) -> VpnClient | None:
    """Take one of the clients that nobody else has; its configuration is locked before it, as everywhere."""
    waiting = Config.objects.filter(Exists(rows.order_by().filter(config=OuterRef("pk")))).order_by("pk")
    key = claims.lock(waiting, no_key=True).values_list("pk", flat=True).first()
    if key is None:
        return None
    client: VpnClient | None = rows.filter(config=key).select_related("vpn__ca", "config__device__organization").first()
    return client


def _new_certificate(client: VpnClient, ca: Ca, key: issuing.PrivateKey) -> Cert:
    """Store and return the certificate of a client."""
    config = client.config
    cert = Cert(
        name=config.device.name[:64],
        ca=ca,
        organization=config.device.organization,
        common_name=common_name(config),
        extensions=[{"name": "nsCertType", "value": "client", "critical": False}],
        serial_number=str(uuid.uuid4().int),
        digest=issuing.safe(ca.digest),
        **{name: getattr(ca, name) for name in _COPIED_FROM_CA},
    )
    cert.clean_fields(exclude={"ca", "organization"})
    cert.signing = issuing.Signing(key)
    cert.save()
    return cert


def server_certificate(vpn: Vpn, key: issuing.PrivateKey) -> Cert:
    """Store and return the certificate of a server.

    Args:
        vpn: with its CA.
        key: a new private key.
    """
    assert vpn.ca is not None
    copied = {name: getattr(vpn.ca, name) for name in _COPIED_FROM_CA}
    cert = Cert(
        name=vpn.name,
        ca=vpn.ca,
        organization=vpn.organization,
        common_name=_free_common_name(slugify(vpn.name) or vpn.pk.hex, vpn.organization_id),
        extensions=[{"name": "nsCertType", "value": "server", "critical": False}],
        digest=issuing.safe(vpn.ca.digest),
        **copied,
    )
    cert.signing = issuing.Signing(key)
    cert.full_clean()
    cert.save()
    return cert


def _free_common_name(name: str, organization_id: uuid.UUID | None) -> str:
    """Return ``name``, with a random ending if the organization has a certificate of that name."""
    if not Cert.objects.filter(common_name=name[:64], organization=organization_id).exists():
        return name[:64]
    return f"{name[:55]}-{get_random_string(8)}"


def common_name(config: Config) -> str:
    """Return the common name of a new client certificate: as the setting says, with a random ending."""
    device = config.device
    name, mac = device.name, device.mac_address
    template = settings.COMMON_NAME_FORMAT
    values = {field.attname: getattr(device, field.attname) for field in device._meta.concrete_fields}
    values["name"] = name[: 63 - len(mac)]
    if template == "{mac_address}-{name}" and name == mac:
        template = "{mac_address}"
    return f"{template.format(**values)[:55]}-{get_random_string(8, _ALPHABET)}"


def new_identity() -> str:
    """Return a new ZeroTier identity, made by ZeroTier's own tool.

    Raises:
        ZeroTierIdentityGenerationError: the tool is missing or failed.
    """
    tool = shutil.which("zerotier-idtool")
    failure = "Unable to generate zerotier identity secret, Error: "
    if tool is None:
        raise ZeroTierIdentityGenerationError(f"{failure}zerotier-idtool is not installed")
    try:
        result = subprocess.run([tool, "generate"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ZeroTierIdentityGenerationError(f"{failure}{error}") from error
    identity = result.stdout.strip()
    if result.returncode or identity.count(":") < 3:
        raise ZeroTierIdentityGenerationError(f"{failure}{result.stderr.strip() or 'no identity was printed'}")
    return identity
