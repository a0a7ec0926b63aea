"""What the device page asks for while its form is filled in: templates to choose from, default values, schemas."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from openwisp_users.models import Organization

from ... import rendering
from ..assignment import rules
from ..compiling import context
from ..models import Config, DeviceGroup, Template
from ..settings import settings
from .base import asked_templates, is_backend_hidden

Row = TypeVar("Row", bound=Model)
_STARTED = now()


class BadRequest(Exception):
    """What was asked is malformed; the text says what."""


@require_GET
def relevant_templates(request: HttpRequest, organization_id: str) -> JsonResponse:
    """Answer with the templates that a configuration of an organization and backend may have, in order, by key.

    Those that it has come first, in their order, then required ones, default ones and the others.
    """
    try:
        key = _organization(request, organization_id)
        config = _found(Config.objects.select_related("device"), _key(request.GET.get("config_id")))
        group = _found(DeviceGroup.objects.all(), _key(request.GET.get("group_id")))
    except BadRequest as error:
        return JsonResponse({"error": str(error)}, status=400)
    owners = [each.organization_id for each in (getattr(config, "device", None), group) if each is not None]
    if not all(_manages(request, owner) for owner in owners):
        raise PermissionDenied
    backend = request.GET.get("backend", "")
    if is_backend_hidden():
        backend = config.backend if config is not None else settings.DEFAULT_BACKEND or ""
    usable = Template.objects.usable_by(key, backend)
    if key is None:
        usable = usable.none()
    templates = {template.pk: template for template in usable.order_by("-required", "-default", "name")}
    if config is not None:
        chosen = [template for template in config.ordered_templates() if template.pk in templates]
    else:
        chosen = [*usable.automatic(), *rules.group_templates(group, backend)]
    order = dict.fromkeys([*(template.pk for template in chosen), *templates])
    selected = {template.pk for template in chosen}
    found = (templates[pk] for pk in order if pk in templates)
    return JsonResponse({str(template.pk): _described(template, template.pk in selected) for template in found})


@require_GET
def default_values(request: HttpRequest) -> JsonResponse:
    """Answer with what templates, in order, define by default, as group and organization override it."""
    try:
        keys = asked_templates(request)
    except ValueError:
        return JsonResponse({"error": "invalid template pks were received"}, status=400)
    owners = {}
    for name in ("group", "organization"):
        try:
            owners[name] = _key(request.GET.get(name))
        except BadRequest:
            return JsonResponse({"error": f"invalid {name} pk was received"}, status=400)
    group_key, organization_key = owners["group"], owners["organization"]
    found = {template.pk: template for template in Template.objects.filter(pk__in=keys)}
    organizations = {template.organization_id for template in found.values()} - {None}
    group = _found(DeviceGroup.objects.all(), group_key)
    if group is not None:
        organizations.add(group.organization_id)
    if organization_key is not None:
        organizations.add(organization_key)
    if not all(_manages(request, key) for key in organizations):
        raise PermissionDenied
    organization = _found(Organization.objects.select_related("config_settings"), organization_key)
    values = context.defaults([found[key] for key in keys if key in found], group, organization)
    return JsonResponse({"default_values": values})


@require_GET
def schema(request: HttpRequest) -> HttpResponse:
    """Answer with the JSON schema of every backend, of devices and of VPN servers, by its path.

    The hostname of devices is left out, for it follows their name. Browsers that have it already are told so.
    """
    if not request.user.is_authenticated:
        return JsonResponse({"error": "login required"}, status=403)
    known: HttpResponse | None = get_conditional_response(request, last_modified=int(_STARTED.timestamp()))
    if known is not None:
        return known
    schemas = {path: rendering.load_backend(path).schema for path, _label in settings.VPN_BACKENDS}
    schemas |= {path: _without_hostname(rendering.load_backend(path).schema) for path, _label in settings.BACKENDS}
    return JsonResponse(schemas, headers={"Last-Modified": http_date(_STARTED.timestamp())})


def _without_hostname(schema: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    general = properties.get("general", {})
    shown = {name: value for name, value in general.get("properties", {}).items() if name != "hostname"}
    return {**schema, "properties": {**properties, "general": {**general, "properties": shown}}}


def _described(template: Template, selected: bool) -> dict[str, Any]:
    return {
        "name": template.name,
        "backend": template.get_backend_display(),
        "default": template.default,
        "required": template.required,
        "selected": selected,
    }


def _organization(request: HttpRequest, text: str) -> uuid.UUID | None:
    """Return the key of an active organization that the person manages; None where none is chosen yet."""
    key = None if text == "null" else _key(text)
    if key is None:
        return None
    if not Organization.objects.filter(pk=key, is_active=True).exists():
        raise Http404(_("There is no such organization, or it is disabled."))
    if not _manages(request, key):
        raise PermissionDenied
    return key


def _manages(request: HttpRequest, organization: Any) -> bool:
    user: Any = request.user
    managed: Iterable[Any] = () if user.is_superuser else user.organizations_managed
    return bool(user.is_superuser) or str(organization) in {str(key) for key in managed}


def _found(rows: QuerySet[Row], key: uuid.UUID | None) -> Row | None:
    return rows.filter(pk=key).first() if key is not None else None


def _key(text: str | None) -> uuid.UUID | None:
    if not text:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        raise BadRequest(_("%s is not a valid UUID.") % text) from None
