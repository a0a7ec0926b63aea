"""What a VPN server gets by itself when it is saved, and the rules that it must meet."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from openwisp_ipam.models import IpAddress

from ... import rendering
from ...common.wakeup import wake
from ...pki import issuing
from ...pki.models import Cert
from ..models import Vpn
from . import addresses, credentials, keys, zerotier
from .reading import server_config

logger = logging.getLogger(__name__)
_NO_ADDRESS = _("The subnet %s has no free address left for the server.")


def check(vpn: Vpn) -> None:
    """Check the rules between fields, the first that fails wins; raise ``ValidationError`` keyed by field."""
    names = ("backend", "subnet_id", "ip_id", "organization_id", "host", "auth_token", "ca_id", "cert_id")
    replaced = {} if vpn._state.adding else vpn.differing(*names)
    if "backend" in replaced and vpn.vpnclient_set.exists():
        raise ValidationError({"backend": _("Backend cannot be changed because the VPN is currently in use.")})
    _check_texts(vpn)
    _check_certificate(vpn, replaced)
    for relation in ("ca", "cert", "subnet"):
        vpn._validate_org_relation(relation)
    if "organization_id" in replaced:
        _check_users(vpn)
    _check_subnet(vpn, replaced)
    _check_keys(vpn)
    if vpn.kind.zerotier:
        _check_token(vpn)
    try:
        server_config.check(vpn)
    except rendering.RenderingError as error:
        raise ValidationError(error.message) from None


def _check_texts(vpn: Vpn) -> None:
    """Keep out of headers, configurations and addresses what would break them."""
    if not vpn.name.isprintable():
        raise ValidationError({"name": _("This value must not contain line breaks or other control characters.")})
    if any(sign.isspace() or not sign.isprintable() for sign in vpn.host):
        raise ValidationError({"host": _("This value must not contain spaces or line breaks.")})


def _check_certificate(vpn: Vpn, replaced: Mapping[str, Any]) -> None:
    if vpn.kind.openvpn and vpn.ca is None:
        raise ValidationError({"ca": _("CA is required with this VPN backend")})
    if vpn.ca is not None and not vpn.ca.certificate:
        raise ValidationError({"ca": _("The key of this CA is still being made, please try again in a moment.")})
    new = vpn._state.adding or "ca_id" in replaced or vpn.cert is None
    if vpn.ca is not None and new and vpn.ca.validity_end <= timezone.now():
        raise ValidationError({"ca": _("The certificate of this CA has expired, renew the CA first.")})
    if vpn.cert is None or vpn.ca is None:
        return
    if vpn.cert.ca_id != vpn.ca_id:
        if vpn._state.adding or "cert_id" in replaced:
            raise ValidationError({"cert": _("The selected certificate must match the selected CA.")})
        vpn.cert = None  # the CA was replaced: a new certificate is made
    elif (vpn._state.adding or "cert_id" in replaced) and not _is_usable(vpn.cert):
        raise ValidationError(
            {"cert": _("This certificate has expired or is revoked; renew it or choose another one.")}
        )


def _is_usable(cert: Cert) -> bool:
    return not cert.revoked and (cert.validity_end is None or cert.validity_end > timezone.now())


def _check_subnet(vpn: Vpn, replaced: Mapping[str, Any]) -> None:
    if vpn.kind.needs_subnet and vpn.subnet is None:
        raise ValidationError({"subnet": _("Subnet is required for this VPN backend.")})
    if "subnet_id" in replaced:
        if vpn.vpnclient_set.filter(ip__isnull=False).exists():
            text = _("The subnet cannot be changed while devices have addresses of it; unassign the templates first.")
            raise ValidationError({"subnet": text})
        if "ip_id" not in replaced:
            vpn.ip = None  # of the former subnet
    if vpn.subnet is not None and vpn.ip is None and not addresses.has_free(vpn.subnet):
        raise ValidationError({"subnet": _NO_ADDRESS % vpn.subnet.subnet})
    if vpn.ip is not None and vpn.ip.subnet_id != vpn.subnet_id:
        raise ValidationError({"ip": _("VPN IP address must be within the VPN subnet")})
    if vpn.ip is not None and (vpn._state.adding or "ip_id" in replaced):
        _check_address_is_free(vpn, vpn.ip)


def _check_address_is_free(vpn: Vpn, ip: IpAddress) -> None:
    if ip.vpnclient_set.exists() or type(vpn).objects.filter(ip=ip).exclude(pk=vpn.pk).exists():
        text = _("A device or another VPN server has this address: choose another one, or leave it blank.")
        raise ValidationError({"ip": text})


def _check_keys(vpn: Vpn) -> None:
    if not (vpn.private_key or vpn.public_key):
        return
    try:
        belongs = keys.public_key_of(vpn.private_key) == vpn.public_key
    except ValueError:
        text = _("This is no WireGuard key: 32 bytes in base64 are wanted. Leave it empty to get a new one.")
        raise ValidationError({"private_key": text}) from None
    if not belongs:
        raise ValidationError({"public_key": _("The public key does not belong to the private key.")})


def _check_token(vpn: Vpn) -> None:
    if not vpn.auth_token:
        raise ValidationError({"auth_token": _("Auth token is required for this VPN backend")})
    if not (vpn.auth_token.isascii() and vpn.auth_token.isprintable()):
        raise ValidationError({"auth_token": _("Tokens of ZeroTier hold letters, digits and signs of ASCII only.")})


def _check_users(vpn: Vpn) -> None:
    """Refuse to move a server away from those who use it."""
    if vpn.organization_id is None:
        return
    foreign = vpn.template_set.exclude(organization=vpn.organization_id).exists()
    foreign = foreign or vpn.vpnclient_set.exclude(config__device__organization=vpn.organization_id).exists()
    if foreign:
        text = _("The organization cannot be changed while templates or devices of others use this VPN server.")
        raise ValidationError({"organization": text})


def store(vpn: Vpn) -> None:
    """Check a server and store it; the controller of a ZeroTier server is asked before the transaction begins.

    Raises:
        ValidationError: keyed by field.
    """
    vpn.full_clean()
    with controller_asked(vpn):
        vpn.save()


@contextmanager
def controller_asked(vpn: Vpn) -> Iterator[None]:
    """Ask the controller of a checked ZeroTier server who it is, and for a network if the server has none.

    Open it outside of any transaction and store the server inside. If it is not stored then, the new network is deleted
    by a durable call. A server that is stored without this gets its network by a durable call, too.

    Raises:
        ValidationError: keyed by field.
    """
    created = False
    if vpn.kind.zerotier:
        if vpn._state.adding or not vpn.node_id or vpn.differing("host", "auth_token"):
            vpn.node_id = zerotier.check(vpn)
        if not vpn.network_id:
            zerotier.create_network(vpn).apply(vpn)
            created = True
    try:
        yield
    finally:
        if created and not Vpn.objects.filter(pk=vpn.pk, network_id=vpn.network_id).exists():
            zerotier.delete_left_over(vpn)


@contextmanager
def provided(vpn: Vpn) -> Iterator[None]:
    """Give a server what it lacks, then let it be stored, and free what it had before."""
    vpn.normalise()
    kind = vpn.kind
    former = _stored(vpn)
    if vpn.ca is not None and (vpn.cert is None or vpn.cert.ca_id != vpn.ca_id):
        vpn.cert = None
        if issuing.is_quick(vpn.ca.key_length):
            vpn.cert = credentials.server_certificate(vpn, issuing.new_key(vpn.ca.key_length))
        else:
            wake("config.make_client_credentials")
    if kind.openvpn and not vpn.dh:
        vpn.dh = type(vpn).dhparam(2048)
    if kind.wireguard and not (vpn.public_key and vpn.private_key):
        vpn.private_key, vpn.public_key = keys.new_pair()
    if vpn.subnet is not None and vpn.ip is None:
        vpn.ip = _address(vpn)
    yield
    if former.get("cert_id") and former["ca_id"] != vpn.ca_id:
        _revoke(former["cert_id"])
    if former.get("ip_id") and former["ip_id"] != vpn.ip_id:
        _free(former["ip_id"])


def _stored(vpn: Vpn) -> dict[str, Any]:
    if vpn._state.adding:
        return {}
    stored: Any = type(vpn)._base_manager.filter(pk=vpn.pk).values("ca_id", "cert_id", "ip_id").first()
    return stored or {}


def _address(vpn: Vpn) -> IpAddress:
    assert vpn.subnet is not None
    found = addresses.allocate(vpn.subnet, 1, description=vpn.name)
    if not found:
        raise ValidationError({"subnet": _NO_ADDRESS % vpn.subnet.subnet})
    return found[0]


def _revoke(cert_id: int) -> None:
    for cert in Cert.objects.filter(pk=cert_id):
        cert.revoke()


def _free(ip_id: uuid.UUID) -> None:
    """Delete an address that nobody uses any more."""
    IpAddress.objects.filter(pk=ip_id, vpn=None, vpnclient=None).delete()


def give_back(vpn: Vpn) -> None:
    """Revoke the certificate and free the address and the network of a server that was deleted."""
    zerotier.server_deleted(vpn)
    if vpn.cert_id is not None:
        _revoke(vpn.cert_id)
    if vpn.ip_id is not None:
        _free(vpn.ip_id)
