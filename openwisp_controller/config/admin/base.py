"""What the administration pages have in common."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import JSONField, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from openwisp_users.multitenancy import MultitenantAdminMixin
from reversion.admin import VersionAdmin
from reversion.models import Version

from ..batch import batch
from ..models import Template


def selectable_templates(request: HttpRequest, templates: QuerySet[Template]) -> QuerySet[Template]:
    """Return those of ``templates`` that a person may assign: of the organizations they manage, or shared."""
    user: Any = request.user
    if user.is_superuser:
        return templates
    return templates.filter(Q(organization__in=user.organizations_managed) | Q(organization=None))


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

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, JSONField):
            size = {"rows": 16, "cols": 90, "spellcheck": "false", "class": "controller-json"}
            kwargs = {"encoder": IndentedJson, "widget": forms.Textarea(size), **kwargs}
        return super().formfield_for_dbfield(db_field, request, **kwargs)


class ControllerAdmin(ReadableJson, MultitenantAdminMixin, VersionAdmin):
    """A page limited to the organizations a person manages; what it saves is one change, evaluated once."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            return super().changeform_view(request, *args, **kwargs)
        with batch():
            return super().changeform_view(request, *args, **kwargs)

    def reversion_register(self, model: type[Model], **options: Any) -> None:
        """Keep versions of what people edit; what the compiler owns is not restored."""
        super().reversion_register(model, exclude=getattr(model, "guarded_fields", ()), **options)

    def recoverlist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self._superusers_only(request)
        return super().recoverlist_view(request, *args, **kwargs)

    def recover_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self._superusers_only(request)
        return super().recover_view(request, *args, **kwargs)

    def revision_view(self, request: HttpRequest, object_id: str, version_id: str, *args: Any) -> HttpResponse:
        """Show an earlier version and restore it, within the organizations that the person manages."""
        current = self.get_object(request, unquote(object_id))
        version = get_object_or_404(Version, pk=version_id, object_id=unquote(object_id))
        if current is None or not self.has_change_permission(request, current):
            raise PermissionDenied
        if not all(_is_managed(request, other) for other in version.revision.version_set.all()):
            raise PermissionDenied
        with batch():
            return super().revision_view(request, object_id, version_id, *args)

    def _superusers_only(self, request: HttpRequest) -> None:
        """Deleted objects of all organizations stand in one list."""
        if not request.user.is_superuser:
            raise PermissionDenied


def _is_managed(request: HttpRequest, version: Version) -> bool:
    """Tell whether a person manages the organizations that an object belonged to in a version and belongs to now.

    Restoring a version restores all that was saved together with it.
    """
    user: Any = request.user
    if user.is_superuser:
        return True
    managed = {str(key) for key in user.organizations_managed}
    belongs_to_device = any(field.name == "device" for field in version._model._meta.concrete_fields)
    path = "device__organization" if belongs_to_device else "organization"
    now = version._model._base_manager.filter(pk=version.object_id).values_list(path, flat=True)
    then = [] if belongs_to_device else [version.field_dict.get("organization_id")]
    return all(str(organization) in managed for organization in (*now, *then))
