"""How long ago something was, as people say it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def ago(moment: datetime, now: datetime | None = None) -> str:
    """Say how long ago a moment was, in its largest unit.

    Args:
        moment: aware.
        now: None = the present.
    """
    seconds = int(((now or timezone.now()) - moment).total_seconds())
    if seconds < _MINUTE:
        return gettext("just now")
    if seconds < _HOUR:
        return _counted(ngettext("%d minute ago", "%d minutes ago", seconds // _MINUTE), seconds // _MINUTE)
    if seconds < _DAY:
        return _counted(ngettext("%d hour ago", "%d hours ago", seconds // _HOUR), seconds // _HOUR)
    return _counted(ngettext("%d day ago", "%d days ago", seconds // _DAY), seconds // _DAY)


def ago_with_time(moment: datetime | None) -> Any:
    """Return how long ago a moment was, with the exact time as a title; "never" for None."""
    if moment is None:
        return format_html('<span class="controller-never">{}</span>', gettext("never"))
    exact = date_format(timezone.localtime(moment), "DATETIME_FORMAT")
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, ago(moment))


def _counted(text: str, number: int) -> str:
    return text % number
