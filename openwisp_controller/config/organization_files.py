"""A whole organization in one file: templates, groups, variables, VPN servers and what these stand on, without secrets.

What a file holds is created elsewhere, all of it or nothing. Identifiers are kept where they are free; where one is
taken, a new one is used, and everything in the file that refers to it follows. Keys, tokens and certificates are no
part of it: they are made anew.
"""

from __future__ import annotations

import ipaddress
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import reversion
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Model, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from openwisp_ipam.models import IpAddress, Subnet
from openwisp_users.models import Organization

from ..common.rest.permissions import may
from ..pki.models import Ca
from .models import DeviceGroup, OrganizationConfigSettings, OrganizationLimits, Template, Vpn
from .unit_of_work import unit_of_work

FORMAT = "openwisp-controller organization"
VERSION = 1
_ORGANIZATION = ("id", "name", "slug", "description", "email", "url")
_CA = (
    "id", "name", "notes", "key_length", "digest", "country_code", "state", "city", "organization_name",
    "organizational_unit_name", "email", "common_name", "extensions",
)  # fmt: skip
_SUBNET = ("id", "name", "subnet", "description", "master_subnet")
_VPN = ("id", "name", "host", "backend", "config", "notes", "dh", "ca", "subnet")
_TEMPLATE = (
    "id", "name", "type", "backend", "vpn", "auto_cert", "default", "required", "default_values", "config", "notes",
)  # fmt: skip
_GROUP = ("id", "name", "description", "context", "meta_data")
#: Part of a file → model, fields, and those of them that refer to other objects, in the order of creation.
_PARTS: dict[str, tuple[Any, tuple[str, ...], dict[str, str]]] = {
    "cas": (Ca, _CA, {}),
    "subnets": (Subnet, _SUBNET, {"master_subnet": "subnets"}),
    "vpns": (Vpn, _VPN, {"ca": "cas", "subnet": "subnets"}),
    "templates": (Template, _TEMPLATE, {"vpn": "vpns"}),
    "groups": (DeviceGroup, _GROUP, {}),
}


@dataclass
class Plan:
    """What importing a file would do."""

    organization: str
    is_new: bool
    created: list[tuple[str, str]] = field(default_factory=list)
    """Kind and name of each object."""
    renumbered: list[tuple[str, str]] = field(default_factory=list)
    """Kind and name of those that get another identifier, for theirs is taken."""
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    """Kind, name, and what is wrong; nothing is imported while there are any."""


class _Undo(Exception):
    """Ends a transaction without effects."""


def export(organization: Organization) -> dict[str, Any]:
    """Return the file of an organization, as JSON knows it."""
    vpns = Vpn.objects.filter(organization=organization).select_related("ip")
    subnets = _with_masters(Subnet.objects.filter(organization=organization, vpn__in=vpns).distinct())
    cas = Ca.objects.filter(Q(vpn__in=vpns), organization=organization).distinct()
    templates = Template.objects.filter(organization=organization)
    groups = DeviceGroup.objects.filter(organization=organization)
    settings = OrganizationConfigSettings.objects.filter(organization=organization).first()
    limits = OrganizationLimits.objects.filter(organization=organization).first()
    return {
        "format": FORMAT,
        "version": VERSION,
        "exported": timezone.now().isoformat(),
        "organization": _values(organization, _ORGANIZATION),
        "settings": {
            "registration_enabled": settings.registration_enabled if settings else True,
            "context": settings.context if settings else {},
        },
        "limits": {"device_limit": limits.device_limit if limits else 0},
        "cas": [_values(each, _CA) for each in cas.order_by("name")],
        "subnets": [_values(each, _SUBNET) for each in subnets],
        "vpns": [{**_values(each, _VPN), "ip": each.ip.ip_address if each.ip else None} for each in vpns],
        "templates": [
            {**_values(each, _TEMPLATE), "tags": sorted(tag.name for tag in each.tags.all())} for each in templates
        ],
        "groups": [
            {**_values(each, _GROUP), "templates": [str(template.pk) for template in each.templates.all()]}
            for each in groups
        ],
        "shared": _shared(vpns, templates, groups),
    }


def plan(document: Any, *, into: Organization | None = None, user: Any = None) -> Plan:
    """Return what importing a file would do, and what keeps it from being imported; nothing is stored.

    Args:
        document: what the file holds.
        into: an organization that gets what the file holds; None = the one of the file is created.
        user: who imports; None = a program that may do everything.

    Raises:
        ValidationError: it is no such file.
    """
    importing = _Import(document, into, user)
    try:
        with unit_of_work():
            importing.run()
            raise _Undo
    except _Undo:
        return importing.plan


def load(document: Any, *, into: Organization | None = None, user: Any = None) -> Plan:
    """Import a file, all of it or nothing; see ``plan``.

    Returns:
        what was done; nothing, if it has problems.
    """
    importing = _Import(document, into, user)
    try:
        with unit_of_work():
            importing.run()
            if importing.plan.problems:
                raise _Undo
    except _Undo:
        pass
    return importing.plan


def parse(text: str | bytes) -> Any:
    """Return what a file holds; raise ``ValidationError`` unless it is one of an organization."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValidationError(_("The file is not valid JSON: %s.") % error) from None
    _check(document)
    return document


def _check(document: Any) -> None:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValidationError(_("This is no file of an organization."))
    if document.get("version") != VERSION:
        text = _("The file has version %(version)s, this controller reads version %(own)s.")
        raise ValidationError(text % {"version": document.get("version"), "own": VERSION})
    for name in ("organization", "settings", "limits"):
        if not isinstance(document.get(name), dict):
            raise ValidationError(_("“%s” must be an object.") % name)
    for name in (*_PARTS, "shared"):
        rows = document.get(name)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValidationError(_("“%s” must be a list of objects.") % name)
        keys = [_key(row.get("id")) for row in rows]
        if len(set(keys)) < len(keys):
            raise ValidationError(_("Two objects in “%s” have the same id.") % name)


def _key(value: Any) -> str:
    """Return an identifier as the file writes it; raise ``ValidationError`` for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    try:
        return str(uuid.UUID(value))
    except (ValueError, TypeError, AttributeError):
        raise ValidationError(_("“%s” is not a UUID.") % value) from None


class _Import:
    """One file that is being imported; to be run inside of a unit of work."""

    def __init__(self, document: Any, into: Organization | None, user: Any) -> None:
        _check(document)
        self.document = document
        self.user = user
        self.organization: Any = into
        name = into.name if into is not None else str(document["organization"].get("name", ""))
        self.plan = Plan(name, into is None)
        self._made: dict[tuple[str, str], Any] = {}
        """Part and identifier in the file → the object."""
        self._renamed: dict[str, str] = {}

    def run(self) -> None:
        if self.organization is None and not self._make_organization():
            return
        self._set_settings()
        for part in _PARTS:
            for row in self._rows(part):
                self._guarded(part, row, partial(self._make, part, row))

    def _make_organization(self) -> bool:
        row = self.document["organization"]

        def make() -> None:
            self._permit("add", Organization)
            if Organization.objects.filter(slug=row.get("slug")).exists():
                text = _("There is an organization “%s” already: import the file into it, or change the slug.")
                raise ValidationError(text % row.get("slug"))
            values = {name: row[name] for name in _ORGANIZATION if name in row}
            values["id"] = self._free(Organization, _key(row.get("id")), "organization", row)
            organization = Organization(**values)
            organization.full_clean()
            organization.save()
            self.organization = organization

        self._guarded("organization", row, make)
        return self.organization is not None

    def _set_settings(self) -> None:
        """Give a new organization its variables and limits; one that was there keeps its own."""
        if not self.plan.is_new:
            return
        settings, limits = self.document["settings"], self.document["limits"]

        def make() -> None:
            found = OrganizationConfigSettings.objects.filter(organization=self.organization).first()
            row = found or OrganizationConfigSettings(organization=self.organization)
            row.registration_enabled = settings.get("registration_enabled", True)
            row.context = settings.get("context", {})
            row.full_clean()
            row.save()

        def limit() -> None:
            row, _created = OrganizationLimits.objects.get_or_create(organization=self.organization)
            row.device_limit = limits.get("device_limit", 0)
            row.full_clean()
            row.save()

        self._guarded("settings", settings, make, note=False)
        self._guarded("limits", limits, limit, note=False)

    def _rows(self, part: str) -> list[dict[str, Any]]:
        rows = list(self.document[part])
        if part == "subnets":  # masters first
            rows.sort(key=lambda row: _length(row.get("subnet")))
        return rows

    def _make(self, part: str, row: dict[str, Any]) -> None:
        model, names, relations = _PARTS[part]
        self._permit("add", model)
        old = _key(row.get("id"))
        values = {name: row[name] for name in names if name in row and name != "id"}
        values = json.loads(self._with_new_identifiers(json.dumps(values)))
        for name, target in relations.items():
            if row.get(name) is not None:
                values[name] = self._related(target, _key(row[name]))
        instance = model(organization=self.organization, **values)
        if model._meta.pk.get_internal_type() == "UUIDField":
            instance.pk = self._free(model, old, part, row)
        if part == "vpns":
            self._prepare_vpn(instance, row)
        instance.full_clean()
        instance.save()
        self._made[part, old] = instance
        if part == "templates" and row.get("tags"):
            instance.tags.set([str(tag) for tag in row["tags"]])
        if part == "groups":
            instance.templates.set([self._related("templates", _key(key)) for key in row.get("templates", ())])

    def _prepare_vpn(self, vpn: Vpn, row: dict[str, Any]) -> None:
        if row.get("auth_token"):  # written into the file by hand
            vpn.auth_token = str(row["auth_token"])
        if vpn.backend.endswith("ZeroTier") and not vpn.auth_token:
            raise ValidationError(
                _("The file holds no secrets: write the token of the ZeroTier controller into it, as “auth_token”.")
            )
        if row.get("ip") and vpn.subnet is not None and vpn.subnet.organization_id is not None:
            address = IpAddress(subnet=vpn.subnet, ip_address=row["ip"])
            address.full_clean()
            address.save()
            vpn.ip = address

    def _related(self, part: str, key: str) -> Any:
        """Return the object of the file, or the shared one of this controller, that the file refers to."""
        if (part, key) in self._made:
            return self._made[part, key]
        model = _PARTS[part][0]
        shared = next((each for each in self.document["shared"] if _key(each.get("id")) == key), None)
        if shared is None:
            raise ValidationError(_("It refers to an object of “%s” that is missing in the file or wrong.") % part)
        rows = model.objects.filter(organization=None)
        try:
            found = rows.filter(pk=key).first() or rows.filter(name=shared.get("name")).first()
        except (ValueError, ValidationError):
            found = rows.filter(name=shared.get("name")).first()
        if found is not None and part in ("cas", "subnets") and not (self.user is None or self.user.is_superuser):
            text = _("It needs “%s”, which is shared by all organizations: only superusers may make something of it.")
            raise ValidationError(text % found.name)
        if found is None:
            text = _(
                "It needs “%s” (%s), which is shared by all organizations where the file comes from, but not here."
            )
            raise ValidationError(text % (shared.get("name"), model._meta.verbose_name))
        return found

    def _free(self, model: Any, key: str, part: str, row: dict[str, Any]) -> uuid.UUID:
        """Return an identifier that is free: that of the file if it can be."""
        wanted = uuid.UUID(key)
        if not model._base_manager.filter(pk=wanted).exists():
            return wanted
        new = uuid.uuid4()
        self.plan.renumbered.append((part, str(row.get("name", ""))))
        self._renamed[str(wanted)] = str(new)
        self._renamed[wanted.hex] = new.hex
        return new

    def _with_new_identifiers(self, text: str) -> str:
        """Variables of VPN servers carry their identifiers in their names."""
        for old, new in self._renamed.items():
            text = text.replace(old, new)
        return text

    def _permit(self, action: str, model: type[Model]) -> None:
        if self.user is not None and not may(self.user, action, model):
            raise ValidationError(_("You may not add %s.") % model._meta.verbose_name_plural)

    def _guarded(self, part: str, row: dict[str, Any], make: Callable[[], None], *, note: bool = True) -> None:
        name = str(row.get("name", ""))
        try:
            with reversion.create_revision(atomic=False):
                if self.user is not None:
                    reversion.set_user(self.user)
                reversion.set_comment(_("Imported from a file."))
                make()
        except ValidationError as error:
            self.plan.problems += [(part, name, text) for text in _told(error)]
        except (TypeError, ValueError, AttributeError, KeyError):
            self.plan.problems.append((part, name, _("Some of its values are of the wrong kind.")))
        else:
            if note:
                self.plan.created.append((part, name))


def _length(subnet: Any) -> int:
    """Return how many bits of a network are fixed; wrong ones are told when they are checked."""
    try:
        return ipaddress.ip_network(str(subnet)).prefixlen
    except ValueError:
        return 0


def _told(error: ValidationError) -> Iterator[str]:
    if not hasattr(error, "error_dict"):
        yield from error.messages
        return
    for name, messages in error.message_dict.items():
        yield from (text if name == NON_FIELD_ERRORS else f"{name}: {text}" for text in messages)


def _values(instance: Model, names: tuple[str, ...]) -> dict[str, Any]:
    found = {}
    for name in names:
        field_ = instance._meta.get_field(name)
        value = getattr(instance, field_.attname)  # type: ignore[union-attr]
        found[name] = value if value is None or isinstance(value, str | int | bool | dict | list) else str(value)
    return found


def _with_masters(subnets: Any) -> list[Subnet]:
    """Return subnets and those that they are part of, the larger ones first."""
    found: dict[Any, Subnet] = {}
    waiting = list(subnets)
    while waiting:
        subnet = waiting.pop()
        found[subnet.pk] = subnet
        master = subnet.master_subnet
        if master is not None and master.organization_id is not None and master.pk not in found:
            waiting.append(master)
    return sorted(found.values(), key=lambda each: (each.subnet.prefixlen, str(each.subnet)))


def _shared(vpns: Any, templates: Any, groups: Any) -> list[dict[str, Any]]:
    """Return what the objects refer to that belongs to no organization: it is looked for where they are imported."""
    found: dict[Any, Any] = {}
    related = [each for vpn in vpns for each in (vpn.ca, vpn.subnet)]
    related += [subnet.master_subnet for subnet in related if isinstance(subnet, Subnet)]
    related += [template.vpn for template in templates]
    related += [template for group in groups for template in group.templates.all()]
    for each in related:
        if each is not None and each.organization_id is None:
            found[each._meta.label, each.pk] = each
    return [{"id": _plain(each.pk), "name": each.name, "kind": each._meta.model_name} for each in found.values()]


def _plain(key: Any) -> Any:
    return key if isinstance(key, int) else str(key)
