"""Objects that tests start from. Each function saves and returns one; keyword arguments override fields."""

from __future__ import annotations

import itertools
from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.gis.geos import Point
from django.test import Client
from openwisp_ipam.models import Subnet
from openwisp_users.models import Group, Organization, OrganizationUser, User

from openwisp_controller.config.models import (
    Config,
    Device,
    DeviceGroup,
    OrganizationConfigSettings,
    Template,
    Vpn,
)
from openwisp_controller.config.vpn import provisioning
from openwisp_controller.connection.models import Credentials, DeviceConnection
from openwisp_controller.fleet.ssh import DeviceSshServer
from openwisp_controller.geo.models import DeviceLocation, FloorPlan, Location
from openwisp_controller.pki.models import Ca, Cert
from openwisp_controller.subnet_division.models import SubnetDivisionRule

from .images import upload
from .ssh import PASSWORD

SECRET = "s" * 32
BACKEND = "netjsonconfig.OpenWrt"
SSH = "openwisp_controller.connection.connectors.ssh.Ssh"
_numbers = itertools.count(1)


def organization(
    name: str = "", *, secret: str = "", context: dict[str, Any] | None = None, **fields: Any
) -> Organization:
    number = next(_numbers)
    name = name or f"org-{number}"
    result = Organization.objects.create(name=name, slug=name.lower().replace(" ", "-"), **fields)
    settings = OrganizationConfigSettings(organization=result, context=context or {})
    settings.shared_secret = secret or f"secret{number:026d}"
    settings.full_clean()
    settings.save()
    return result


def person(name: str, of: Organization | None = None, *groups: str, manages: bool = True) -> Client:
    """The browser of somebody who is in an organization, by default as a manager, and in these default groups."""
    user = User.objects.create_user(name, f"{name}@example.org", "password", is_staff=True)
    if of is not None:
        OrganizationUser.objects.create(user=user, organization=of, is_admin=manages)
    user.groups.set(Group.objects.filter(name__in=groups))
    return _logged_in(user)


def permit(client: Client, *codenames: str) -> None:
    """Give the person of a browser these permissions, and no other ones besides those of groups."""
    user = User.objects.get(pk=client.session["_auth_user_id"])
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))


def superuser(name: str = "root") -> Client:
    """The browser of somebody who may do everything."""
    return _logged_in(User.objects.create_superuser(name, f"{name}@example.org", "password"))


def _logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def group(owner: Organization, name: str = "", *, templates: Any = (), **fields: Any) -> DeviceGroup:
    result = DeviceGroup(organization=owner, name=name or f"group-{next(_numbers)}", **fields)
    result.full_clean()
    result.save()
    if templates:
        result.templates.set(templates)
    return result


def template(owner: Organization | None = None, name: str = "", config: Any = None, **fields: Any) -> Template:
    number = next(_numbers)
    if config is None:
        config = {"interfaces": [{"name": f"eth{number}", "type": "ethernet"}]}
    result = Template(
        organization=owner,
        name=name or f"template-{number}",
        config=config,
        backend=fields.pop("backend", BACKEND),
        **fields,
    )
    result.full_clean()
    result.save()
    return result


def device(owner: Organization, name: str = "", **fields: Any) -> Device:
    number = next(_numbers)
    fields.setdefault("mac_address", f"02:00:FA:{number >> 16 & 255:02X}:{number >> 8 & 255:02X}:{number & 255:02X}")
    result = Device(organization=owner, name=name or f"device-{number}", **fields)
    result.full_clean()
    result.save()
    return result


def config(owner: Organization | Device, *, templates: Any = (), status: str = "modified", **fields: Any) -> Config:
    """A configuration with its device, as loaded afresh from the database, in the given status."""
    of = owner if isinstance(owner, Device) else device(owner)
    result = Config(device=of, backend=fields.pop("backend", BACKEND), **fields)
    result.full_clean()
    result.save()
    if templates:
        result.templates.add(*templates)
    if status != "modified":
        Config.objects.filter(pk=result.pk).update(status=status)
    return Config.objects.get(pk=result.pk)


WIREGUARD = {"wireguard": [{"name": "wg0", "port": 51820}]}
VXLAN = {"wireguard": [{"name": "wg0", "port": 51820}], "vxlan": [{"name": "vxlan0", "vni": ""}]}
ZEROTIER = {"zerotier": [{"private": True}]}
ZEROTIER_TOKEN = "very-secret-token"
OPENVPN = {
    "openvpn": [
        {
            "name": "example-vpn", "dev": "tap0", "dev_type": "tap", "mode": "server", "proto": "udp",
            "tls_server": True, "ca": "ca.pem", "cert": "cert.pem", "dh": "dh.pem", "key": "key.pem",
        }
    ],
}  # fmt: skip
_SERVERS: dict[str, Any] = {
    "OpenVpn": OPENVPN, "Wireguard": WIREGUARD, "VxlanWireguard": VXLAN, "ZeroTier": ZEROTIER,
}  # fmt: skip


def subnet(owner: Organization | None, cidr: str = "10.0.0.0/16", **fields: Any) -> Subnet:
    result = Subnet(name=fields.pop("name", f"subnet {cidr}"), subnet=cidr, organization=owner, **fields)
    result.full_clean()
    result.save()
    return result


def ca(owner: Organization | None, name: str = "", **fields: Any) -> Ca:
    """A certification authority; with an elliptic key, which is made quickly."""
    name = name or f"ca-{next(_numbers)}"
    fields = {"key_length": "256", "common_name": name, **fields}
    result = Ca(name=name, organization=owner, **fields)
    result.full_clean()
    result.save()
    return result


def cert(of: Ca, name: str = "", **fields: Any) -> Cert:
    name = name or f"cert-{next(_numbers)}"
    fields = {"key_length": "256", "common_name": name, "organization": of.organization, **fields}
    result = Cert(name=name, ca=of, **fields)
    result.full_clean()
    result.save()
    return result


def unsaved_vpn(owner: Organization | None, kind: str = "Wireguard", name: str = "", **fields: Any) -> Vpn:
    """A VPN server of a kind (the name of a backend class), with what this kind needs, but not stored."""
    if kind == "OpenVpn" and "ca" not in fields:
        fields["ca"] = ca(owner)
    if kind != "OpenVpn" and "subnet" not in fields:
        fields["subnet"] = subnet(owner)
    return Vpn(
        organization=owner,
        name=name or f"vpn-{next(_numbers)}",
        backend=f"openwisp_controller.vpn_backends.{kind}",
        **{"host": "vpn1.test.com", "config": _SERVERS[kind], **fields},
    )


def vpn(owner: Organization | None, kind: str = "Wireguard", name: str = "", **fields: Any) -> Vpn:
    """A VPN server of a kind (the name of a backend class), stored as its page would do it."""
    result = unsaved_vpn(owner, kind, name, **fields)
    provisioning.store(result)
    return result


def unsaved_zerotier(owner: Organization, address: str, name: str = "net", **fields: Any) -> Vpn:
    """A VPN server whose network is made by the ZeroTier controller at an address, not stored."""
    return unsaved_vpn(owner, "ZeroTier", name, **{"host": address, "auth_token": ZEROTIER_TOKEN, **fields})


def zerotier(owner: Organization, address: str, name: str = "net", **fields: Any) -> Vpn:
    """A VPN server whose network is made by the ZeroTier controller at an address."""
    result = unsaved_zerotier(owner, address, name, **fields)
    provisioning.store(result)
    return result


def vpn_template(server: Vpn, owner: Organization | None = None, name: str = "", **fields: Any) -> Template:
    """A template that makes devices clients of a server; its configuration is the automatic one."""
    fields = {"config": {}, "auto_cert": True, **fields}
    return template(owner or server.organization, name, type="vpn", vpn=server, **fields)


def credentials(owner: Organization | None = None, name: str = "", **fields: Any) -> Credentials:
    """SSH credentials; ``params`` override user, password and port."""
    params = {"username": "root", "password": PASSWORD, **fields.pop("params", {})}
    result = Credentials(
        organization=owner,
        name=name or f"credentials-{next(_numbers)}",
        connector=fields.pop("connector", SSH),
        params=params,
        **fields,
    )
    result.full_clean()
    result.save()
    return result


def connection(of: Device | Config, credentials_: Credentials | None = None, **fields: Any) -> DeviceConnection:
    """A connection, by default with credentials of its own in the organization of the device."""
    owner = of if isinstance(of, Device) else of.device
    result = DeviceConnection(
        device=owner,
        credentials=credentials_ or credentials(owner.organization, params=fields.pop("login", {})),
        **fields,
    )
    result.full_clean()
    result.save()
    return result


def reachable(owner: Organization, face: DeviceSshServer, name: str = "", **fields: Any) -> DeviceConnection:
    """A device with a configuration, and a connection to the SSH server that plays its part."""
    of = config(device(owner, name, management_ip=face.address, **fields))
    return connection(of, login={"port": face.port})


def division_rule(master: Subnet, kind: str = "device", label: str = "OW", **fields: Any) -> SubnetDivisionRule:
    """A rule of a built-in type: ``device`` or ``vpn``."""
    name = {"device": "DeviceSubnetDivisionRuleType", "vpn": "VpnSubnetDivisionRuleType"}[kind]
    fields = {"organization": master.organization, "size": 28, "number_of_subnets": 2, "number_of_ips": 2, **fields}
    path = f"openwisp_controller.subnet_division.rule_types.{kind}.{name}"
    result = SubnetDivisionRule(**{"type": path, **fields}, master_subnet=master, label=label)
    result.full_clean()
    result.save()
    return result


def location(owner: Organization, name: str = "", **fields: Any) -> Location:
    """A location, by default outdoors in Rome."""
    fields = {"type": "outdoor", "geometry": Point(12.51, 41.89), **fields}
    result = Location(organization=owner, name=name or f"location-{next(_numbers)}", **fields)
    result.full_clean()
    result.save()
    return result


def floorplan(of: Location, floor: int = 0, **fields: Any) -> FloorPlan:
    result = FloorPlan(location=of, floor=floor, image=fields.pop("image", None) or upload(), **fields)
    result.full_clean()
    result.save()
    return result


def position(of: Device, location: Location, **fields: Any) -> DeviceLocation:
    result = DeviceLocation(content_object=of, location=location, **fields)
    result.full_clean()
    result.save()
    return result
