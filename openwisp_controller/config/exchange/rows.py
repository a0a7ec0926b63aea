"""What the rows of a file of devices mean: looking up what they name, checking, storing through the usual ways."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Model, Q
from django.utils.translation import gettext as _
from openwisp_users.models import Organization

from ...common.rest.permissions import may
from ...common.tenancy import managed_objects
from ...common.validators import check_key_length
from ..assignment import assigning, rules
from ..compiling import undefined
from ..devices import management_ip as management_ips
from ..models import Config, Device, DeviceGroup, OrganizationLimits, Template
from ..models.device import mac_spellings
from ..settings import settings
from . import cells

CONFIGURATION = ("config_backend", "config_data", "config_context", "config_templates")
#: Field of a configuration → its column.
_COLUMNS = {"backend": "config_backend", "config": "config_data", "context": "config_context"}
_NAMES = {**_COLUMNS, "organization": "organization_id", "group": "group_id"}


class Lookups:
    """What rows name, as far as the person who imports them may use it; and what earlier rows of the file took.

    Args:
        user: who imports; None = a program that may do everything.
    """

    def __init__(self, user: Any) -> None:
        self.user = user
        self.offset = 0
        """Rows of the file before those that are looked at."""
        self.may_add = user is None or may(user, "add", Device)
        self.may_change = user is None or may(user, "change", Device)
        self._organizations: dict[str, list[Organization]] | None = None
        self._found: dict[tuple[type[Model], uuid.UUID], Any] = {}
        self._required: dict[tuple[uuid.UUID, str], list[Template]] = {}
        self._taken: dict[tuple[Any, ...], int] = {}
        self._added: dict[uuid.UUID, set[int]] = {}
        self._room: dict[uuid.UUID, tuple[OrganizationLimits | None, int]] = {}

    def managed(self, objects: Any, *, shared: bool = False) -> Any:
        """Limit objects to those of the organizations that the person manages."""
        return objects if self.user is None else managed_objects(self.user, objects, shared=shared)

    def organization(self, text: str) -> Organization:
        """Return the organization with this UUID, slug or name; raise ``ValidationError`` unless there is one."""
        if self._organizations is None:
            self._organizations = {}
            rows = Organization.objects.filter(is_active=True)
            if self.user is not None and not self.user.is_superuser:
                rows = rows.filter(pk__in=self.user.organizations_managed)
            for row in rows:
                for name in {str(row.pk), row.slug.lower(), row.name.lower()}:
                    self._organizations.setdefault(name, []).append(row)
        found = self._organizations.get(text.strip().lower(), [])
        if not found:
            found = self._organizations.get(_canonical(text), [])
        if len(found) > 1:
            raise ValidationError(_("There are several organizations called “%s”: write the UUID.") % text)
        if not found:
            shown = cells.shortened(text)
            raise ValidationError(
                _("You manage no organization “%s”. Write the UUID, slug or name of one that you manage.") % shown
            )
        return found[0]

    def one(self, model: Any, key: uuid.UUID, *, shared: bool = False, related: tuple[str, ...] = ()) -> Any:
        """Return an object that the person may use, None where there is none."""
        if (model, key) not in self._found:
            rows = self.managed(model._default_manager.select_related(*related), shared=shared)
            self._found[model, key] = rows.filter(pk=key).first()
        return self._found[model, key]

    def keep(self, instance: Model) -> None:
        """Let ``one`` find an object that is not stored yet."""
        self._found[type(instance), instance.pk] = instance

    def templates(self, text: str) -> list[Template]:
        """Return the templates that a cell names, in order; raise ``ValidationError`` for unknown ones."""
        keys = cells.keys(text)
        found = [(key, self.one(Template, key, shared=True, related=("vpn",))) for key in keys]
        unknown = [str(key) for key, template in found if template is None]
        if unknown:
            text = _("There is no template %s, or it belongs to an organization that you do not manage.")
            raise ValidationError(text % ", ".join(unknown))
        return [template for _key, template in found]

    def required(self, organization: uuid.UUID, backend: str) -> list[Template]:
        """Return the templates that every device of an organization has."""
        if (organization, backend) not in self._required:
            rows = Template.objects.usable_by(organization, backend).filter(required=True)
            self._required[organization, backend] = list(rows.select_related("vpn").order_by("name"))
        return self._required[organization, backend]

    def take(self, row_number: int, column: str, *value: Any) -> None:
        """Note a value that no two rows may have; raise ``ValidationError`` where an earlier row has it."""
        earlier = self._taken.setdefault((column, *value), row_number)
        if earlier != row_number:
            text = _("Row %(row)d has the same value: each device needs one of its own.")
            raise ValidationError({column: text % {"row": self.offset + earlier + 1}})

    def count(self, organization: Organization, row_number: int) -> None:
        """Count a new device; raise ``ValidationError`` where those of the file do not fit into the limit together."""
        if organization.pk not in self._room:
            limits = OrganizationLimits.objects.filter(organization=organization).first()
            present = Device.objects.filter(organization=organization).count()
            self._room[organization.pk] = limits, present
        limits, present = self._room[organization.pk]
        added = self._added.setdefault(organization.pk, set())
        added.add(row_number)
        if limits is not None and limits.device_limit != 0 and not limits.allows_another(present + len(added) - 1):
            text = _("The maximum amount of allowed devices has been reached for organization {}.")
            raise ValidationError({"organization_id": text.format(organization.name)})


def _canonical(text: str) -> str:
    try:
        return str(uuid.UUID(text.strip()))
    except ValueError:
        return ""


class DeviceRow:
    """One row: a device as it will be.

    Args:
        lookups: of the file.
        row: its cells, by column.
        number: of the row, from 1.
        device: the device of that identifier, a new one where there is none.
    """

    def __init__(self, lookups: Lookups, row: dict[str, Any], number: int, device: Device) -> None:
        self.lookups = lookups
        self.row = row
        self.number = number
        self.device = device
        self.is_new = device._state.adding
        self.templates: list[Template] | None = None
        """Those that the configuration shall have; None = those that it has, or gets by itself."""
        self.errors: dict[str, list[Any]] = {}
        config = device.config if device.has_config() else None
        self._before = (config.backend, config.config, config.context) if config is not None else None
        self._had = [template.pk for template in config.templates.all()] if config is not None else []

    def cell(self, column: str) -> str | None:
        """Return a cell without the space around it; None where the file has no such column."""
        return str(self.row[column]).strip() if column in self.row else None

    def fill(self) -> None:
        """Put into the device what the row says of organization, group, key and configuration."""
        self._try("organization_id", self._fill_organization)
        self._try("group_id", self._fill_group)
        self._try("created", self._fill_created)
        if self.cell("key"):
            self.device.key = str(self.cell("key"))
        self._fill_config()

    def check(self) -> None:
        """Check the device with its configuration as saving it would; note what is wrong, by column."""
        if not (self.lookups.may_add if self.is_new else self.lookups.may_change):
            text = _("You may not add devices.") if self.is_new else _("You may not change devices.")
            self._note(NON_FIELD_ERRORS, [text])
            return
        if not self.is_new and self.device.is_deactivated():
            self._note(NON_FIELD_ERRORS, [_("The device is deactivated: activate it before it is changed.")])
            return
        for check in (self._check_device, self._check_key, self._check_address, self._check_alone):
            self._try(NON_FIELD_ERRORS, check)
        if not self.errors:
            self._try("config_data", self._check_config)

    def store(self) -> None:
        """Save the device with its configuration; must be checked. Templates follow, see ``assign``."""
        device = self.device
        config = device.config if device.has_config() else None
        is_edited = config is not None and (config.backend, config.config, config.context) != self._before
        device.save()
        if config is not None and not config._state.adding and self._before is not None and is_edited:
            config.save()

    def _has_organization(self) -> bool:
        """Tell whether the row told the organization, or the device has one."""
        return "organization_id" not in self.errors

    def template_keys(self) -> list[uuid.UUID]:
        """Return the keys of the templates that the device will have, as far as the row says."""
        return self._had if self.templates is None else [template.pk for template in self.templates]

    def _fill_organization(self) -> None:
        given = self.cell("organization_id") or self.cell("organization")
        if given:
            self.device.organization = self.lookups.organization(given)
        elif self.is_new or "organization_id" in self.row:
            raise ValidationError(_("Write the UUID, slug or name of an organization."))

    def _fill_group(self) -> None:
        given = self.cell("group_id")
        if given is None:
            return
        if not given:
            self.device.group = None
            return
        group = self.lookups.one(DeviceGroup, cells.key(given))
        if group is None:
            text = _("There is no group %s, or it belongs to an organization that you do not manage.")
            raise ValidationError(text % given)
        self.device.group = group

    def _fill_created(self) -> None:
        if self.is_new and self.cell("created"):
            self.device.created = cells.moment(str(self.cell("created")))

    def _fill_config(self) -> None:
        """A row whose cells about the configuration are all empty leaves it as it is."""
        given = {column: text for column in CONFIGURATION if (text := self.cell(column))}
        if not given:
            return
        if not self.device.has_config():
            backend = given.get("config_backend") or settings.DEFAULT_BACKEND
            if not backend:
                self._note("config_backend", [_("Write the backend of the configuration.")])
                return
            self.device.config = Config(device=self.device, backend=backend)
        config = self.device.config
        config.backend = given.get("config_backend", config.backend)
        for name in ("config", "context"):
            column = _COLUMNS[name]
            if column in given:
                self._try(column, lambda name=name, column=column: self._fill_json(name, given[column]))
        if "config_templates" in given or ("config_templates" in self.row and self._before is None):
            self._try("config_templates", lambda: self._fill_templates(given.get("config_templates", "")))

    def _fill_json(self, name: str, text: str) -> None:
        value = cells.json_object(text)
        if value != getattr(self.device.config, name):
            setattr(self.device.config, name, value)

    def _fill_templates(self, text: str) -> None:
        templates = self.lookups.templates(text)
        if not self._has_organization():
            return
        chosen = {template.pk for template in templates}
        required = self.lookups.required(self.device.organization_id, self.device.config.backend)
        self.templates = [*(each for each in required if each.pk not in chosen), *templates]

    def _check_device(self) -> None:
        if "organization_id" in self.errors:
            return
        self.device.full_clean(exclude={"organization", "group", *self.errors})

    def _check_key(self) -> None:
        if self.cell("key") and (self.is_new or self.device.differing("key")):
            try:
                check_key_length(self.device.key)
            except ValidationError as error:
                raise ValidationError({"key": error.messages}) from None

    def _check_address(self) -> None:
        device = self.device
        if not device.management_ip or "organization_id" in self.errors or "management_ip" in self.errors:
            return
        if self.is_new or device.differing("management_ip", "organization_id"):
            if self.lookups.user is None:
                return
            try:
                management_ips.check_assignable(device.pk, device.management_ip, device.organization, self.lookups.user)
            except ValidationError as error:
                raise ValidationError({"management_ip": error.messages}) from None

    def _check_alone(self) -> None:
        """No two rows are about the same device, and none needs what another one takes."""
        device, take = self.device, self.lookups.take
        if not self._has_organization():
            return
        of = device.organization_id
        self._try("id", lambda: take(self.number, "id", device.pk))
        if device.mac_address:
            self._try("mac_address", lambda: take(self.number, "mac_address", of, mac_spellings(device.mac_address)[0]))
        if settings.DEVICE_NAME_UNIQUE and device.name:
            self._try("name", lambda: take(self.number, "name", of, device.name.lower()))
        if device.key:
            self._try("key", lambda: take(self.number, "key", device.key))
        if device.hardware_id:
            self._try("hardware_id", lambda: take(self.number, "hardware_id", of, device.hardware_id))
        if device.management_ip:
            space = None if settings.SHARED_MANAGEMENT_IP_ADDRESS_SPACE else of
            self._try("management_ip", lambda: take(self.number, "management_ip", space, str(device.management_ip)))
        if self.is_new:
            self.lookups.count(device.organization, self.number)

    def _check_config(self) -> None:
        if not self.device.has_config():
            return
        config = self.device.config
        after = (config.backend, config.config, config.context)
        is_same_list = self.templates is None or self.template_keys() == self._had
        if after == self._before and is_same_list and not self.device.differing("organization_id", "group_id"):
            return
        config.full_clean(exclude={"device", "templates"})
        templates = self._templates_to_be(config)
        try:
            rules.check_chosen(config, templates)
        except ValidationError as error:
            raise ValidationError({"config_templates": error.messages}) from None
        problem = config.problem_with(templates)
        if problem:
            raise ValidationError({"config_data": problem})
        if settings.UNDEFINED_VARIABLES == "refuse":
            try:
                undefined.refuse(undefined.of_config(config, templates))
            except ValidationError as error:
                raise ValidationError({"config_context": error.messages}) from None

    def _templates_to_be(self, config: Config) -> list[Template]:
        if self.templates is not None:
            return self.templates
        if config._state.adding:
            return rules.initial_templates(self.device, config.backend)
        return [each for each in config.ordered_templates() if each.backend == config.backend]

    def _try(self, column: str, do: Any) -> None:
        try:
            do()
        except ValidationError as error:
            if not hasattr(error, "error_dict"):
                self._note(column, error.messages)
                return
            for name, messages in error.message_dict.items():
                self._note(column if name == NON_FIELD_ERRORS else _NAMES.get(name, name), messages)

    def _note(self, column: str, messages: Iterable[Any]) -> None:
        noted = self.errors.setdefault(column, [])
        noted.extend(str(message) for message in messages if str(message) not in noted)


def existing(keys: Iterable[uuid.UUID], rows: Any) -> dict[uuid.UUID, Device]:
    """Return the devices with these keys, with all that rows are compared with.

    Args:
        keys: of devices.
        rows: the devices that are looked through.
    """
    found = rows.filter(Q(pk__in=list(keys))).prefetch_related("config__templates__vpn")
    return {device.pk: device for device in found}


def assign(rows: Iterable[DeviceRow]) -> None:
    """Give the configurations of stored rows the templates that the rows name, all at once."""
    named = [row for row in rows if row.templates is not None and row.device.has_config()]
    wanted = {row.device.config.pk: row.template_keys() for row in named}
    if named:
        assigning.reassign([row.device.config for row in named], lambda config, _present: list(wanted[config.pk]))
