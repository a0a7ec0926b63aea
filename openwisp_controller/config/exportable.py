"""The columns of exported and imported devices, as django-import-export knows them. Packages extend this class."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any, ClassVar

import reversion
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from import_export import resources
from import_export.fields import Field

from ..common.encryption import Unreadable
from ..common.rest.permissions import may
from .exchange import cells
from .exchange.rows import DeviceRow, Lookups, assign, existing
from .models import Device
from .settings import settings
from .unit_of_work import unit_of_work

CHUNK = 200
"""Rows whose devices are loaded together."""
REQUIRED = ("name", "mac_address")
#: Columns that only those see who may change devices.
SECRET = ("key", "config_data", "config_context")


class DeviceResource(resources.ModelResource):
    """A device with its configuration in one row.

    ``import_data`` takes ``user``, the person who imports: rows are checked with the permissions of that person, and
    without one nothing is refused. ``offset`` says how many rows of the file stand before these. ``export`` takes
    ``user``, too: who may not change devices gets no secrets.
    """

    organization = Field("organization__name", "organization", readonly=True)
    group = Field("group__name", "group", readonly=True)
    config_status = Field("config__status", "config_status", readonly=True)
    config_backend = Field("config__backend", "config_backend", readonly=True)
    config_data = Field("config__config", "config_data", readonly=True)
    config_context = Field("config__context", "config_context", readonly=True)
    config_templates = Field(None, "config_templates", readonly=True)
    created = Field("created", "created", readonly=True)
    modified = Field("modified", "modified", readonly=True)
    id = Field("pk", "id", readonly=True)
    key = Field("key", "key", readonly=True)
    organization_id = Field("organization_id", "organization_id", readonly=True)
    group_id = Field("group_id", "group_id", readonly=True)

    row: DeviceRow
    """The row that is being imported."""

    class Meta:
        model = Device
        # a list: packages add to it
        fields: ClassVar[list[str]] = [
            "name", *(["hardware_id"] if settings.HARDWARE_ID_ENABLED else []), "mac_address", "organization", "group",
            "model", "os", "system", "notes", "last_ip", "management_ip", "config_status", "config_backend",
            "config_data", "config_context", "config_templates", "created", "modified", "id", "key",
            "organization_id", "group_id",
        ]  # fmt: skip
        export_order = fields
        import_id_fields: ClassVar[list[str]] = []
        skip_diff = True
        store_row_values = False

    written_columns: ClassVar[tuple[str, ...]] = (
        "organization_id", "group_id", "key", "config_backend", "config_data", "config_context", "config_templates",
    )  # fmt: skip
    """Columns that are read by this class itself, not by their fields."""

    related: ClassVar[tuple[str, ...]] = ("organization", "group", "config")
    """What is loaded together with a device."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lookups = Lookups(None)
        self.changes: dict[int, list[tuple[str, str, str]]] = {}
        """Number of a row → column, value before and after, of those that change something."""
        self._stored: list[DeviceRow] = []
        self._dataset: Any = None
        self._devices: dict[uuid.UUID, Device] = {}
        self._before: dict[str, str] = {}
        self._shows_secrets = True
        self.note_row: Callable[[int], None] | None = None
        """Called with the number of each row when it is done."""

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related(*self.related)

    # ---------------------------------------------------------------- export

    def before_export(self, queryset: Any, **kwargs: Any) -> None:
        super().before_export(queryset, **kwargs)
        user = kwargs.get("user")
        self._shows_secrets = user is None or may(user, "change", Device)

    def iter_queryset(self, queryset: Any) -> Any:
        """Walk over the devices with all that is exported, in a constant number of statements for each thousand."""
        return queryset.select_related(*self.related).prefetch_related("config__templates").iterator(chunk_size=1000)

    def export_field(self, field: Field, instance: Any, **kwargs: Any) -> Any:
        if field.column_name in SECRET and not self._shows_secrets:
            return ""
        value = super().export_field(field, instance, **kwargs)
        return "" if value is None else value if isinstance(value, bool | int | float) else str(value)

    def dehydrate_config_data(self, device: Device) -> str:
        return _dumped(device.config.config) if device.has_config() else ""

    def dehydrate_config_context(self, device: Device) -> str:
        return _dumped(device.config.context) if device.has_config() else ""

    def dehydrate_config_templates(self, device: Device) -> str:
        if not device.has_config():
            return ""
        return ",".join(str(template.pk) for template in device.config.templates.all())

    def dehydrate_created(self, device: Device) -> str:
        return device.created.isoformat(sep=" ")

    def dehydrate_modified(self, device: Device) -> str:
        return device.modified.isoformat(sep=" ")

    # ---------------------------------------------------------------- import

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        super().before_import(dataset, **kwargs)
        self.lookups = Lookups(kwargs.get("user"))
        self.lookups.offset = kwargs.get("offset", 0)
        self.changes, self._stored = {}, []
        self._dataset = dataset

    def before_import_row(self, row: Any, row_number: int = 1, **kwargs: Any) -> None:
        super().before_import_row(row, row_number=row_number, **kwargs)
        if (row_number - 1) % CHUNK == 0 and "id" in row:
            column = self._dataset.headers.index("id")
            texts = [self._dataset[at][column] for at in range(row_number - 1, self._end(row_number))]
            self._devices = existing(map(uuid.UUID, filter(is_key, texts)), self.get_queryset())

    def _end(self, row_number: int) -> int:
        return min(row_number - 1 + CHUNK, len(self._dataset))

    def get_instance(self, instance_loader: Any, row: Any) -> Device | None:
        """Return the device that a row is about; None = it is a new one."""
        text = str(row.get("id") or "").strip()
        if not text:
            return None
        try:
            key = cells.key(text)
        except ValidationError as error:
            hint = _("Leave it empty for a new device.")
            raise ValidationError({"id": [f"{error.messages[0]} {hint}"]}) from None
        device = self._devices.get(key)
        if device is None:
            return None
        user = self.lookups.user
        if user is not None and not user.is_superuser and not user.is_manager(device.organization):
            text = _("There is such a device, in an organization that you do not manage. Leave it empty for a new one.")
            raise ValidationError({"id": [text]})
        return device

    def init_instance(self, row: Any = None) -> Device:
        text = str((row or {}).get("id") or "").strip()
        return Device(id=cells.key(text)) if text else Device()

    def after_init_instance(self, instance: Any, new: bool, row: Any, **kwargs: Any) -> None:
        super().after_init_instance(instance, new, row, **kwargs)
        self.row = self.make_row(row, kwargs["row_number"], instance)
        self._before = {} if new else self.after(instance)

    def make_row(self, row: Any, number: int, device: Device) -> DeviceRow:
        """Return what a row means; a class of its own may know more columns."""
        return DeviceRow(self.lookups, row, number, device)

    def shown(self, device: Device) -> dict[str, str]:
        """Return what of a device a file can change, as it is written there, but for its templates."""
        fields = {field.column_name: field for field in self.get_export_fields()}
        names = [name for name, field in fields.items() if not field.readonly or name in self.written_columns]
        names.remove("config_templates")
        result = {name: str(self.export_field(fields[name], device)) for name in names}
        result["mac_address"] = result.get("mac_address", "").upper()
        return result

    def import_instance(self, instance: Any, row: Any, **kwargs: Any) -> None:
        for name, value in row.items():
            row[name] = cells.text_of(value)
        _strip(row)
        try:
            super().import_instance(instance, row, **kwargs)
        finally:
            self.row.fill()

    def skip_row(self, instance: Any, original: Any, row: Any, import_validation_errors: Any = None) -> bool:
        """Leave devices alone of which a row says what they are."""
        after = self.after(instance)
        found = [
            (name, self._before.get(name, ""), value)
            for name, value in after.items()
            if value != self._before.get(name, "") and not (name == "key" and not self.row.cell("key"))
        ]
        if found or self.row.is_new:
            self.changes[self.row.number] = found
        return not (found or self.row.is_new or self.row.errors or import_validation_errors)

    def after(self, device: Device) -> dict[str, str]:
        """Return ``shown`` of the device as it will be, in the order of the columns."""
        shown = {**self.shown(device), "config_templates": ",".join(map(str, self.row.template_keys()))}
        return {name: shown[name] for name in self._meta.fields if name in shown}

    def validate_instance(self, instance: Any, import_validation_errors: Any = None, **kwargs: Any) -> None:
        errors: dict[str, list[Any]] = {}
        for name, messages in (import_validation_errors or {}).items():
            errors[name] = [text for error in messages for text in getattr(error, "messages", [str(error)])]
        self.row.errors.update({name: messages for name, messages in errors.items() if name not in self.row.errors})
        self.row.check()
        if self.row.errors:
            raise ValidationError(self.row.errors)

    def do_instance_save(self, instance: Any, is_create: bool) -> None:
        """Save the device, its configuration and whatever else the row knows."""
        self.row.store()
        self._stored.append(self.row)

    def after_import(self, dataset: Any, result: Any, **kwargs: Any) -> None:
        """Assign templates, and keep a version of each device."""
        super().after_import(dataset, result, **kwargs)
        with unit_of_work():
            assign(self._stored)
            for row in self._stored:
                with reversion.create_revision(atomic=False):
                    if self.lookups.user is not None:
                        reversion.set_user(self.lookups.user)
                    reversion.set_comment(_("Imported from a file."))
                    reversion.add_to_revision(row.device)

    def import_row(self, row: Any, instance_loader: Any, **kwargs: Any) -> Any:
        result = super().import_row(row, instance_loader, **kwargs)
        if self.note_row is not None:
            self.note_row(kwargs["row_number"])
        return result


def _strip(row: Any) -> None:
    """Take the space around short texts away, as forms do."""
    for name in ("name", "mac_address", "model", "os", "system", "last_ip", "management_ip", "hardware_id"):
        if name in row:
            row[name] = row[name].strip()


def _dumped(value: Any) -> str:
    return "" if isinstance(value, Unreadable) else json.dumps(value, ensure_ascii=False)


def is_key(text: Any) -> bool:
    """Tell whether a cell holds a UUID."""
    try:
        uuid.UUID(str(text).strip())
    except ValueError:
        return False
    return True
