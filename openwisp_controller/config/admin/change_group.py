"""Putting many devices into another group at once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..models import Device, DeviceGroup
from ..unit_of_work import unit_of_work
from .action_forms import ask


class GroupForm(forms.Form):
    """Asks for a group of one organization."""

    device_group = forms.ModelChoiceField(
        DeviceGroup.objects.none(),
        required=False,
        label=gettext_lazy("group"),
        empty_label=gettext_lazy("None (take the devices out of their groups)"),
    )

    def __init__(self, organization: Any, *args: Any) -> None:
        super().__init__(*args)
        field: Any = self.fields["device_group"]
        field.queryset = DeviceGroup.objects.filter(organization_id=organization)


def change_group(page: Any, request: HttpRequest, queryset: QuerySet[Device]) -> HttpResponse | None:
    """Ask for the group, then put the selected devices there; deactivated ones stay where they are.

    Args:
        page: administration page of devices.
        queryset: the selected devices, of the organizations that the person manages.
    """
    organizations = set(queryset.order_by().values_list("organization_id", flat=True))
    if len(organizations) != 1:
        page.message_user(request, _("Select devices from one organization"), messages.ERROR)
        return None
    form = GroupForm(organizations.pop(), request.POST if "apply" in request.POST else None)
    if form.is_valid():
        _move(page, request, queryset, form.cleaned_data["device_group"])
        return None
    return ask(page, request, form, "admin/config/device/change_group.html", title=_("Change group"), objects=queryset)


def _move(page: Any, request: HttpRequest, queryset: QuerySet[Device], group: DeviceGroup | None) -> None:
    count = 0
    with unit_of_work():
        for device in queryset.filter(_is_deactivated=False).select_related("config", "organization"):
            device.group = group
            device.save(update_fields=["group", "modified"])
            count += 1
    message = ngettext("%(count)d device was changed.", "%(count)d devices were changed.", count) % {"count": count}
    page.message_user(request, message, messages.SUCCESS if count else messages.INFO)
