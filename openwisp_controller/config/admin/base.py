"""What the administration pages have in common."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import JSONField, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from openwisp_users.multitenancy import MultitenantAdminMixin

from ...common.handover import Handover
from ...common.json_input import JSONFormField
from ...common.versions import GuardedVersions
from ..models import Template
from ..settings import settings
from ..unit_of_work import unit_of_work

#: What a request has stored, until all is compiled.
_saved: Handover[Model] = Handover()


def asked_templates(request: HttpRequest) -> list[uuid.UUID]:
    """Return the keys of templates that a request names in ``pks``, in their order; raise ``ValueError`` for others."""
    return [uuid.UUID(text) for text in request.GET.get("pks", "").split(",") if text]


def selectable_templates(request: HttpRequest, templates: QuerySet[Template]) -> QuerySet[Template]:
    """Return those of ``templates`` that a person may assign: of the organizations they manage, or shared."""
    user: Any = request.user
    if user.is_superuser:
        return templates
    return templates.filter(Q(organization__in=user.organizations_managed) | Q(organization=None))


def is_backend_hidden() -> bool:
    """Tell whether backends are neither shown nor asked for: new objects get the default one, if there is any."""
    return not settings.CONFIG_BACKEND_FIELD_SHOWN and settings.DEFAULT_BACKEND is not None


def preselect_backend(form: forms.ModelForm[Any]) -> None:
    """Let the form of a new object begin with the default backend, also where the form does not ask for it."""
    if "backend" in form.fields:
        form.fields["backend"].initial = settings.DEFAULT_BACKEND
    elif is_backend_hidden():
        form.instance.backend = settings.DEFAULT_BACKEND


def tell_backend(form: forms.ModelForm[Any]) -> None:
    """Tell the editor of a configuration its backend, for pages on which there is no field of it."""
    if "config" in form.fields:
        form.fields["config"].widget.attrs["data-schema-key"] = form.instance.backend or settings.DEFAULT_BACKEND or ""


class Secret(forms.PasswordInput):
    """A text that is shown when somebody asks for it (see ``secret.js``)."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        own = {"data-secret": True, "data-show": _("Show"), "data-hide": _("Hide"), "autocomplete": "off"}
        super().__init__({**own, "class": "vTextField", **(attrs or {})}, render_value=True)


class IndentedJson(json.JSONEncoder):
    """Writes JSON as people read it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "indent": 4, "separators": (",", ": ")})


class ReadableJson(admin.options.BaseModelAdmin):
    """Shows JSON over several lines, with room to edit it."""

    json_widgets: Mapping[str, forms.Widget] = {}
    """Name of a field → what it is edited with; others are plain texts."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, JSONField):
            size = {"rows": 16, "cols": 90, "spellcheck": "false", "class": "controller-json"}
            widget = self.json_widgets.get(db_field.name) or forms.Textarea(size)
            kwargs = {"form_class": JSONFormField, "encoder": IndentedJson, "widget": widget, **kwargs}
        return super().formfield_for_dbfield(db_field, request, **kwargs)


class DeactivatedDeviceReadOnlyMixin:
    """Mixed into inline forms of the device page: what belongs to a deactivated device can only be looked at."""

    def _has_permission(self, request: HttpRequest, obj: Any, perm: bool) -> bool:
        """Return ``perm``, and False for a deactivated device; forms of packages ask it."""
        return perm and not _is_deactivated(obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) and not _is_deactivated(obj)  # type: ignore[misc]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not _is_deactivated(obj)  # type: ignore[misc]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not _is_deactivated(obj)  # type: ignore[misc]


def _is_deactivated(device: Any) -> bool:
    return device is not None and bool(device.is_deactivated())


class ControllerAdmin(ReadableJson, MultitenantAdminMixin, GuardedVersions):
    """A page limited to the organizations a person manages; what it saves is one change, evaluated once."""

    labels: ClassVar[dict[str, Any]] = {"id": _("UUID")}
    """Names of fields on the page, where they differ from those in messages to devices and programs."""

    def action_checkbox(self, obj: Model) -> str:
        """Return the box of a row; written out, because a widget for each row is a quarter of what a list costs."""
        label = format_html(gettext("Select this object for an action - {}"), str(obj))
        return format_html(
            '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="{}">',
            ACTION_CHECKBOX_NAME, obj.pk, label,
        )  # fmt: skip

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        return super().get_form(request, obj, **{"labels": self.labels, **kwargs})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out what a new object does not have yet; the key it would show is not the one it gets."""
        fields = super().get_fields(request, obj)
        if obj is not None:
            return fields
        return [name for name in fields if name not in ("id", "last_ip", "created", "modified")]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """Put buttons above the form where there is something to save."""
        response = super().render_change_form(request, context, *args, **kwargs)
        shown = response.context_data
        shown["save_on_top"] = shown["has_change_permission"] or (shown["add"] and shown["has_add_permission"])
        return response

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            return super().changeform_view(request, *args, **kwargs)
        with unit_of_work():
            response: HttpResponse = super().changeform_view(request, *args, **kwargs)
        saved = _saved.take(request)
        if saved is not None and (error := self.compile_error_of(saved)):
            self._tell_compile_error(request, saved, error)
        return response

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        _saved.put(request, obj)

    def as_one_change(self) -> Any:
        return unit_of_work()

    def compile_error_of(self, instance: Any) -> str:
        """Return why a stored object does not compile; empty when it does, or is not compiled."""
        return ""

    def _tell_compile_error(self, request: HttpRequest, instance: Any, error: str) -> None:
        """Tell it in red instead of what was told of success, with the way to the place."""
        told = list(messages.get_messages(request))
        for message in told:
            if message.level != messages.SUCCESS:
                messages.add_message(request, message.level, message.message)
        text = gettext(
            "“%(name)s” was saved, but it does not compile: %(error)s What was compiled before stays in use."
        )
        page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[instance.pk])
        shown = text % {"name": instance, "error": error if error.endswith(".") else f"{error}."}
        link = format_html('<a href="{}#id_config">{}</a>', page, gettext("Open it"))
        messages.error(request, format_html("{} {}", shown, link))

    def reversion_register(self, model: type[Model], **options: Any) -> None:
        """Keep versions of what people edit; what the compiler owns is not restored."""
        owned = (*getattr(model, "system_fields", ()), *getattr(model, "unversioned_fields", ()))
        super().reversion_register(model, exclude=owned, **options)

    def revision_view(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """Restoring a version is one change, too."""
        with unit_of_work():
            return super().revision_view(*args, **kwargs)

    def recover_view(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """Bringing a deleted object back is one, too."""
        with unit_of_work():
            return super().recover_view(*args, **kwargs)
