"""The configuration of a device, on the device's page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from ..assignment import rules
from ..compiling import compiler, context, undefined
from ..devices import history
from ..models import Config, Device
from ..widgets import JsonSchemaWidget, VariablesWidget
from . import explained
from .base import (
    DeactivatedDeviceReadOnlyMixin,
    ReadableJson,
    is_backend_hidden,
    preselect_backend,
    selectable_templates,
    tell_backend,
)


class ConfigForm(forms.ModelForm):
    """Checks a configuration together with the templates chosen in the same form."""

    class Meta:
        model = Config
        fields = ("backend", "templates", "config", "context", "release_policy")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.adding = self.instance._state.adding
        self.undefined: list[undefined.Undefined] = []
        """Variables that nobody defines."""
        if self.adding:
            preselect_backend(self)
        tell_backend(self)
        if "release_policy" in self.fields:
            self.fields["release_policy"].required = False

    def clean_release_policy(self) -> str:
        """A form that does not say it leaves it as it is."""
        return self.cleaned_data["release_policy"] or self.instance.release_policy

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        templates = list(cleaned.get("templates") or ())
        if not self.instance.has_device() or self.instance.device.organization_id is None or self.errors:
            return cleaned
        for name in {"backend", "config", "context"} & cleaned.keys():
            setattr(self.instance, name, cleaned[name])
        self.instance.normalise()
        if not isinstance(self.instance.config, dict):
            return cleaned  # the model says so
        try:
            rules.check_chosen(self.instance, templates)
        except ValidationError as error:
            self.add_error("templates", error)
            return cleaned
        if not _is_sound(self.instance.device):
            return cleaned
        problem = compiler.check(self.instance, templates)
        if problem is not None:
            self.add_error("config", problem.message)
            return cleaned
        self.undefined = undefined.of_config(self.instance, templates) if undefined.is_asked() else []
        try:
            undefined.refuse(self.undefined)
        except ValidationError as error:
            self.add_error(None, error)
        return cleaned

    def _save_m2m(self) -> None:
        """A new configuration keeps the templates it gets by itself when none are chosen."""
        if self.adding and not self.cleaned_data.get("templates"):
            self.cleaned_data.pop("templates", None)
        super()._save_m2m()  # type: ignore[misc]

    def _get_validation_exclusions(self) -> set[str]:
        """Keep the model from checking with the templates that are stored, which are not those chosen."""
        return {*super()._get_validation_exclusions(), "templates"}  # type: ignore[misc]


def _is_sound(device: Device) -> bool:
    """Tell whether a device's own values are valid; where they are not, its form says so, once."""
    try:
        device.clean_fields(exclude={"organization", "group"})
    except ValidationError:
        return False
    return True


class ConfigFormSet(forms.BaseInlineFormSet):
    """Shows each form the device as it stands in the same page, not as it is stored."""

    def get_queryset(self) -> Any:
        return super().get_queryset() if self.is_bound else self._shown

    @cached_property
    def _shown(self) -> list[Config]:
        """The configuration that came with the device, with its templates loaded ahead."""
        if not self.instance.has_config():
            return []
        self.instance.config.load_templates()
        return [self.instance.config]

    def _construct_form(self, i: int, **kwargs: Any) -> Any:
        form = super()._construct_form(i, **kwargs)  # type: ignore[misc]
        form.instance.device = self.instance
        return form

    def warning(self) -> str:
        """Tell which variables nobody defines; empty = all are defined."""
        forms_: list[Any] = self.forms
        return undefined.sentence(found for form in forms_ for found in form.undefined)


class ConfigInline(DeactivatedDeviceReadOnlyMixin, ReadableJson, admin.StackedInline):
    model = Config
    form = ConfigForm
    formset = ConfigFormSet
    extra = 0
    max_num = 1
    json_widgets = {
        "config": JsonSchemaWidget({"data-uses": _("this configuration")}, app_label_model="config_config"),
        "context": VariablesWidget("device"),
    }
    verbose_name_plural = _("Configuration")
    readonly_fields = (
        "status", "error_reason", "compile_error", "undefined_names", "released_revision", "system_variables",
    )  # fmt: skip
    fields = (
        "backend", "status", "error_reason", "compile_error", "undefined_names", "released_revision", "templates",
        "system_variables", "context", "config", "release_policy",
    )  # fmt: skip

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out what is empty, and variables, which may be secret, for those who may only look."""
        fields = list(super().get_fields(request, obj))
        config = obj.config if obj is not None and obj.has_config() else None
        hidden = {name for name in ("error_reason", "compile_error") if not getattr(config, name, "")}
        if config is None or not config.undefined_variables:
            hidden.add("undefined_names")
        if config is None:
            hidden |= {"status", "released_revision", "system_variables", "release_policy"}
        if not admin.StackedInline.has_change_permission(self, request, obj):
            hidden |= {"system_variables", "context"}
        if is_backend_hidden():
            hidden.add("backend")
        return [name for name in fields if name not in hidden]

    @admin.display(description=_("System defined variables"))
    def system_variables(self, config: Config) -> str:
        """Show the variables that the device gets without defining them, each with its origin."""
        variables = context.explain(config, config.ordered_templates())
        shown = {"variables": variables, "explained": explained.of_config(config, variables)}
        return render_to_string("admin/config/variables.html", shown)

    @admin.display(description=_("Undefined variables"))
    def undefined_names(self, config: Config) -> str:
        """Show the names that the compiled configuration uses and nobody defines."""
        return ", ".join(config.undefined_variables)

    @admin.display(description=_("Released revision"))
    def released_revision(self, config: Config) -> str:
        """Show what the device may fetch, and what waits while its release is held."""
        states = {"config": config, "released": config.released, "pending": history.pending(config)}
        return render_to_string("admin/config/released.html", states)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        field.queryset = selectable_templates(request, field.queryset)
        return field
