"""Moving many devices to another organization at once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from openwisp_users.models import Organization

from ..devices import management_ip as management_ips
from ..models import Config, Device
from ..unit_of_work import unit_of_work
from .action_forms import ask

MOST = 1000
"""Devices at once, as in REST."""
_TOLD = 10
"""Devices that are told by name."""


class OrganizationForm(forms.Form):
    """Asks for an organization that a person manages."""

    organization: Any = forms.ModelChoiceField(Organization.objects.none(), label=gettext_lazy("organization"))

    def __init__(self, user: Any, *args: Any) -> None:
        super().__init__(*args)
        field: Any = self.fields["organization"]
        managed = Organization.objects.order_by("name")
        field.queryset = managed if user.is_superuser else managed.filter(pk__in=user.organizations_managed)


def move(page: Any, request: HttpRequest, queryset: QuerySet[Device]) -> HttpResponse | None:
    """Ask for the organization and tell what does not go along, then move the selected devices, each on its own.

    Deactivated ones stay where they are. What cannot be moved stays whole, and is told with its reason.

    Args:
        page: administration page of devices.
        queryset: the selected devices, of the organizations that the person manages.
    """
    count = queryset.count()
    if count > MOST:
        page.message_user(request, _("Select at most %d devices.") % MOST, messages.ERROR)
        return None
    form = OrganizationForm(request.user, request.POST if "apply" in request.POST else None)
    if form.is_valid():
        _move_all(page, request, queryset, form.cleaned_data["organization"])
        return None
    more = {"count": count, "deactivated": queryset.filter(_is_deactivated=True).count(), **_left_behind(queryset)}
    template = "admin/config/device/move.html"
    return ask(page, request, form, template, title=_("Move to another organization"), objects=queryset, more=more)


def _left_behind(queryset: QuerySet[Device]) -> dict[str, Any]:
    """Return the names of groups and templates that belong to the present organizations, with how many have them."""
    active = queryset.filter(_is_deactivated=False).order_by()
    groups = active.exclude(group=None).values_list("group__name").annotate(number=Count("pk"))
    assigned = Config.templates.through.objects.filter(config__device__in=active.values("pk"))
    own = assigned.filter(template__organization__isnull=False).order_by()
    templates = own.values_list("template__name").annotate(number=Count("pk"))
    return {"groups": groups.order_by("group__name"), "templates": templates.order_by("template__name")}


def _move_all(page: Any, request: HttpRequest, queryset: QuerySet[Device], organization: Organization) -> None:
    moved, failed = 0, []
    elsewhere = queryset.filter(_is_deactivated=False).exclude(organization=organization)
    for device in elsewhere.select_related("organization", "group", "config").order_by("name"):
        try:
            with unit_of_work():
                _move_one(request, device, organization)
                page.log_change(request, device, f"Moved to the organization {organization}.")
        except ValidationError as error:
            failed.append(f"{device.name}: {' '.join(error.messages)}")
        else:
            moved += 1
    text = ngettext("%(count)d device was moved to %(name)s.", "%(count)d devices were moved to %(name)s.", moved) % {
        "count": moved,
        "name": organization,
    }
    page.message_user(request, text, messages.SUCCESS if moved else messages.INFO)
    for reason in failed[:_TOLD]:
        page.message_user(request, _("Not moved – %s") % reason, messages.ERROR)
    if len(failed) > _TOLD:
        text = _("%d further devices were not moved either.") % (len(failed) - _TOLD)
        page.message_user(request, text, messages.ERROR)


def _move_one(request: HttpRequest, device: Device, organization: Organization) -> None:
    """Move a device, out of its group; raise ``ValidationError`` where it cannot be there."""
    device.organization = organization
    device.group = None
    device.full_clean()
    management_ips.check_assignable(device.pk, device.management_ip, organization, request.user)
    device.save()
