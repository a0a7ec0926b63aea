"""What devices' configurations and templates have in common."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from ... import rendering
from ...common.validators import validate_json_object, validate_no_nul
from ..settings import settings


def backend_choices() -> Any:
    """Return the configured backends as choices; a function, so that the setting makes no migration."""
    return settings.BACKENDS


class NetJsonModel(models.Model):
    """A NetJSON configuration for one backend."""

    backend = models.CharField(
        _("backend"),
        choices=backend_choices,
        max_length=128,
        help_text=_("Select the system that reads the configuration."),
    )
    config = models.JSONField(
        _("configuration"),
        default=dict,
        blank=True,
        help_text=_("Configuration in NetJSON DeviceConfiguration format."),
    )

    class Meta:
        abstract = True

    def clean_config_format(self) -> None:
        """Check types and backend; raise ``ValidationError`` keyed by field."""
        if self.config is None:
            self.config = {}
        if not isinstance(self.config, dict):
            raise ValidationError({"config": _("Unexpected configuration format.")})
        check_json("config", self.config)
        try:
            rendering.load_backend(self.backend)
        except rendering.UnknownBackend as error:
            raise ValidationError({"backend": error.message}) from None


class SharedName(models.Model):
    """A name that is unique in an organization, and everywhere where shared objects are involved."""

    if TYPE_CHECKING:
        name: str
        organization_id: uuid.UUID | None

    class Meta:
        abstract = True

    def check_shared_name(self) -> None:
        """Raise ``ValidationError`` keyed by field when the name would be mistaken for that of another object."""
        kind, own = self._meta.model_name, self.organization_id
        everything: Any = type(self)._default_manager
        others = everything.filter(name=self.name).exclude(pk=self.pk)
        if others.filter(organization=None).exists():
            text = _("There is already another shared {} with this name.").format(kind)
        elif own is None and others.exists():
            text = _("There is already a {} of another organization with this name.").format(kind)
        else:
            return
        raise ValidationError({"name": f"{text} {_AVOID_CONFUSION}"})


_AVOID_CONFUSION = _("Shared objects are visible to all organizations and must have unique names to avoid confusion.")


def check_json(field: str, value: Any, *, is_object: bool = True) -> None:
    """Raise ``ValidationError`` keyed by ``field`` when a JSON value cannot be stored, is too large or no object."""
    try:
        _check_size(field, value)
        if is_object:
            validate_json_object(value)
        validate_no_nul(value)
    except ValidationError as error:
        raise ValidationError({field: error.messages}) from None


def _check_size(field: str, value: Any) -> None:
    if field != "config":
        _refuse_above("MAX_VARIABLES_SIZE", _json_size(value))
        return
    files = value.get("files") if isinstance(value, dict) else None
    contents = [each.get("contents") for each in files if isinstance(each, dict)] if isinstance(files, list) else []
    in_files = sum(len(each) for each in contents if isinstance(each, str))
    _refuse_above("MAX_ARCHIVE_SIZE", in_files)
    _refuse_above("MAX_NETJSON_SIZE", _json_size(value) - in_files)


def _json_size(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(json.dumps(value, ensure_ascii=False, default=str))


def _refuse_above(setting: str, size: int) -> None:
    limit: int = getattr(settings, setting)
    if size > limit:
        raise ValidationError(
            _("It is too large: %(size)s KiB %(what)s, at most %(limit)s KiB are allowed (setting %(setting)s)."),
            params={
                "size": -(-size // 1024),
                "limit": limit // 1024,
                "setting": f"{settings.prefix}{setting}",
                "what": _("in files") if setting == "MAX_ARCHIVE_SIZE" else _("of JSON"),
            },
        )
