"""Objects that tests start from. Each function saves and returns one; keyword arguments override fields."""

from __future__ import annotations

import itertools
from typing import Any

from openwisp_users.models import Organization

from openwisp_controller.config.models import (
    Config,
    Device,
    DeviceGroup,
    OrganizationConfigSettings,
    Template,
)

SECRET = "s" * 32
BACKEND = "netjsonconfig.OpenWrt"
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
    fields.setdefault("mac_address", f"02:00:00:{number >> 16 & 255:02X}:{number >> 8 & 255:02X}:{number & 255:02X}")
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
