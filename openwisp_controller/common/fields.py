"""Fields of models that several apps use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.db import models
from django.utils.translation import gettext_lazy as _


class SwitchField(models.BooleanField):
    """A switch that follows a setting until somebody decides otherwise.

    Its value is always the one in effect. What the setting says is stored as NULL, so it is followed further on. For
    the migrations it is a ``BooleanField`` that may be NULL.

    Args:
        follows: returns what the setting says now.
    """

    def __init__(self, *args: Any, follows: Callable[[], bool] = lambda: False, **options: Any) -> None:
        self.follows = follows
        super().__init__(*args, **{**options, "null": True, "blank": True, "default": None})

    def deconstruct(self) -> Any:
        """Return how migrations write it."""
        name, _path, args, options = super().deconstruct()
        return name, "django.db.models.BooleanField", args, options

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> bool:
        return self.follows() if value is None else bool(value)

    def get_default(self) -> bool:
        return self.follows()

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """None stands for what the setting says; the instance shows that from now on."""
        if getattr(model_instance, self.attname) is None:
            setattr(model_instance, self.attname, self.follows())
        return super().pre_save(model_instance, add)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        prepared = super().get_db_prep_save(value, connection)
        return None if value == self.follows() else prepared

    def formfield(self, **kwargs: Any) -> Any:
        named = {"label": self.verbose_name, "help_text": self.help_text, "required": False}
        return _SwitchFormField(follows=self.follows, **named)


class _SwitchFormField(forms.NullBooleanField):
    """Offers to follow the setting, besides on and off; a switch that says what the setting says follows it."""

    def __init__(self, *, follows: Callable[[], bool], **options: Any) -> None:
        self.follows = follows
        default = _("Default (enabled)") if follows() else _("Default (disabled)")
        choices = (("unknown", default), ("true", _("Enabled")), ("false", _("Disabled")))
        super().__init__(**{**options, "widget": _SwitchWidget(choices=choices)})

    def prepare_value(self, value: Any) -> Any:
        return None if value is not None and value == self.follows() else value


class _SwitchWidget(forms.NullBooleanSelect):
    def __init__(self, choices: Any) -> None:
        forms.Select.__init__(self, choices=choices)
