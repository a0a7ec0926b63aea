"""Rolling many devices back to what they had at a time."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..devices import history
from ..models import Device
from .action_forms import ask

_NAMED = 10
"""Devices that a message names."""


class TimeForm(forms.Form):
    """Asks for a time that has passed."""

    at = forms.SplitDateTimeField(
        label=gettext_lazy("Roll back to what they had at"),
        widget=AdminSplitDateTime,
        help_text=gettext_lazy("In the time zone of the server."),
    )

    def clean_at(self) -> Any:
        at = self.cleaned_data["at"]
        if at > timezone.now():
            raise ValidationError(_("Choose a time that has passed."))
        return at


def roll_back(page: Any, request: HttpRequest, queryset: QuerySet[Device]) -> HttpResponse | None:
    """Ask for a time, then release to each selected device the revision that was its newest then, and hold it there.

    Args:
        page: administration page of devices.
        queryset: the selected devices, of the organizations that the person manages.
    """
    form = TimeForm(request.POST if "apply" in request.POST else None, initial={"at": timezone.now()})
    if not form.is_valid():
        title = _("Roll back and hold")
        return ask(page, request, form, "admin/config/device/roll_back.html", title=title, objects=queryset)
    done, left = 0, []
    for device in queryset.filter(_is_deactivated=False, config__isnull=False).select_related("config"):
        revision = history.revisions(device.config).filter(created__lte=form.cleaned_data["at"]).first()
        if revision is None:
            left.append(str(device))
            continue
        history.roll_back(device.config, revision)
        page.log_change(request, device, f"Rolled back to the revision of {timezone.localtime(revision.created)}.")
        done += 1
    if done:
        text = ngettext(
            "%(count)d device was rolled back and is held there.",
            "%(count)d devices were rolled back and are held there.",
            done,
        )
        page.message_user(request, text % {"count": done}, messages.SUCCESS)
    if left:
        names = ", ".join(left[:_NAMED]) + (" …" if len(left) > _NAMED else "")
        page.message_user(request, _("No revision is kept from that time or before: %s.") % names, messages.WARNING)
    if not done and not left:
        page.message_user(request, _("None of these devices has a configuration."), messages.INFO)
    return None
