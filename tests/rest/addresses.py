"""Every address of the REST interfaces, libraries included, read from the application; objects to put into them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.urls import get_resolver
from openwisp_ipam.models import IpAddress
from openwisp_notifications.models import IgnoreObjectNotification, Notification, NotificationSetting
from openwisp_users.models import Group, Organization, OrganizationUser, User

from openwisp_controller.config.models import Config, VpnClient
from openwisp_controller.connection.models import BatchCommand, Command

from .. import factories as make

_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")


@dataclass(frozen=True)
class Address:
    """An address of a REST interface.

    Args:
        route: as the application has it, such as ``api/v1/controller/device/<uuid:pk>/``.
        name: of its pattern.
        view: class of the view.
    """

    route: str
    name: str
    view: Any

    @property
    def has_key(self) -> bool:
        return "<" in self.route

    def methods(self) -> list[str]:
        """What can be done there, in capitals."""
        names = getattr(self.view, "http_method_names", ())
        return [name.upper() for name in names if name not in ("options", "trace") and hasattr(self.view, name)]

    def path(self, keys: dict[str, Any]) -> str:
        """Return the path with keys in the place of parameters.

        Args:
            keys: by the part of the path before the parameter, or by the name of the parameter.
        """
        kind = ""
        parts = []
        for part in self.route.split("/"):
            parameter = _PARAMETER.fullmatch(part)
            if parameter is None:
                kind = part
                parts.append(part)
            else:
                parts.append(str(keys[parameter[2]] if parameter[2] in keys else keys[kind]))
        return "/" + "/".join(parts)


def addresses() -> list[Address]:
    """Return every address below ``/api/``."""
    return [each for each in _found(get_resolver()) if each.route.startswith("api/")]


def _found(resolver: Any, prefix: str = "") -> Iterator[Address]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern).removeprefix("^").removesuffix("$")
        if hasattr(pattern, "url_patterns"):
            yield from _found(pattern, route)
        else:
            view = getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)
            yield Address(route, pattern.name or "", view)


@dataclass
class Tenant:
    """An organization with one object of every kind, whose texts all hold a mark.

    Args:
        organization: itself.
        keys: of its objects, by the part of an address that comes before.
        objects: the same, themselves.
    """

    organization: Organization
    keys: dict[str, Any]
    objects: list[Model]


def tenant(mark: str, network: str) -> Tenant:
    """Return an organization full of objects.

    Args:
        mark: a word for all texts, good for names of hosts.
        network: the first two bytes of its addresses, such as ``10.1``.
    """
    owner = make.organization(mark, context={"variable": mark}, description=mark, email=f"{mark}@example.org")
    ca = make.ca(owner, mark, notes=mark, organization_name=mark)
    server = make.vpn(owner, "OpenVpn", f"{mark}-openvpn", ca=ca, notes=mark, host=f"{mark}.example.org")
    client = make.vpn_template(server, name=f"{mark}-client")
    config = {"general": {"description": mark}}
    template = make.template(owner, mark, config, notes=mark, default_values={"v": mark})
    template.tags.add(mark)
    group = make.group(owner, mark, description=mark, context={"g": mark}, meta_data={"m": mark})
    device = make.device(owner, mark, group=group, notes=mark, model=mark, os=mark, system=mark, last_ip="192.0.2.1")
    stored = make.config(device, templates=[template, client], context={"c": mark}, config=config)
    subnet = make.subnet(owner, f"{network}.0.0/16", name=mark, description=mark)
    wireguard = make.vpn(owner, name=f"{mark}-wireguard", subnet=subnet, auth_token=mark)
    address = IpAddress.objects.create(subnet=subnet, ip_address=f"{network}.0.9", description=mark)
    credentials = make.credentials(owner, mark, params={"username": mark})
    connection = make.connection(stored, credentials)
    command = Command.objects.bulk_create(
        [
            Command(
                device=device,
                connection=connection,
                type="custom",
                input={"command": mark},
                output=mark,
                status="success",
            )
        ]
    )[0]
    building = make.location(owner, mark, type="indoor", address=mark)
    batch = BatchCommand.objects.create(
        organization=owner, group=group, type="custom", input={"command": mark}, label=mark, notes=mark,
        location=building.pk,
    )  # fmt: skip
    batch.devices.add(device)
    plan = make.floorplan(building, 1)
    place = make.position(device, building, floorplan=plan, indoor="1,2")
    member = User.objects.create_user(f"{mark}-user", f"{mark}@example.com", "password", first_name=mark, notes=mark)
    membership = OrganizationUser.objects.create(user=member, organization=owner, is_admin=True)
    email = EmailAddress.objects.create(user=member, email=f"second-{mark}@example.com")
    kind = ContentType.objects.get_for_model(device)
    notification = Notification.objects.create(
        actor=device, recipient=member, verb=mark, description=mark, level="info", target=device
    )
    IgnoreObjectNotification.objects.create(user=member, object=device)
    vpn_client = VpnClient.objects.get(config=stored)
    revision = Config.objects.get(pk=stored.pk).released
    assert vpn_client.cert is not None
    assert revision is not None
    setting = NotificationSetting.objects.filter(user=member).first()
    keys = {
        "device": device.pk, "template": template.pk, "group": group.pk, "vpn": server.pk, "ca": ca.pk,
        "cert": vpn_client.cert.pk, "common_name": vpn_client.cert.common_name, "credential": credentials.pk,
        "connection": connection.pk, "command": command.pk, "batch-command": batch.pk, "organization": owner.pk,
        "user": member.pk, "email": email.pk, "subnet": subnet.pk, "ip-address": address.pk,
        "notification": notification.pk, "user-setting": setting.pk if setting else uuid.uuid4(),
        "app_label": kind.app_label, "model_name": kind.model, "object_id": device.pk,
        "revision": revision.pk, "preview": uuid.uuid4(), "location": building.pk, "floorplan": plan.pk,
    }  # fmt: skip
    objects: list[Model] = [
        owner, ca, server, wireguard, client, template, group, device, stored, subnet, address, credentials,
        connection, command, batch, member, membership, email, vpn_client.cert, building, plan, place,
    ]  # fmt: skip
    return Tenant(owner, {**keys, "group_of_people": Group.objects.first()}, objects)
