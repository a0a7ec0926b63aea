"""Two people at one page of the administration: nobody overwrites what somebody else stored since the page was opened.

A page remembers, as digests, what its fields held when it was opened. When it is posted and the object holds something
else by then, nothing is stored: the form comes back with what was typed, says field by field what the other person
changed, and takes over the new values of the fields that were not touched. Posting it again stores it. Forms that were
not opened as a page, such as those of scripts, carry no digests and are stored as they are.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import reversion
from django import forms
from django.contrib.admin.options import ModelAdmin
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from reversion.models import Version

from .form_data import plain, put

FIELD = "_seen"
"""Name of the hidden field with what was seen."""
_SHORT = 120
"""Characters of a value that is told as a whole; of longer ones the difference is told."""


@dataclass(frozen=True)
class Seen:
    """What the fields of a page held when it was opened.

    Args:
        at: when that was.
        digests: name of a field → digest of its value, by key of its form.
    """

    at: datetime
    digests: dict[str, dict[str, str]]

    @classmethod
    def of(cls, shown: Iterable[forms.BaseForm]) -> Seen:
        """Return what these forms show of stored objects."""
        digests = {_key(form): _digests(form) for form in shown if _is_stored(form)}
        return cls(timezone.now(), digests)

    @classmethod
    def posted(cls, request: HttpRequest) -> Seen | None:
        """Return what the page that is posted was opened with; None where it does not say."""
        try:
            data = json.loads(request.POST.get(FIELD, ""))
            at = parse_datetime(data["at"])
            if at is None or timezone.is_naive(at):
                return None
            return cls(at, {key: dict(digests) for key, digests in data["forms"].items()})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None

    def as_json(self) -> str:
        """Return it as the hidden field carries it."""
        return json.dumps({"at": self.at.isoformat(), "forms": self.digests})


class WatchedForm:
    """Refuses to overwrite what somebody else stored since the page was opened; mixed into forms of pages."""

    seen: Seen
    fields: Any
    instance: Any
    cleaned_data: Any
    data: Any
    add_error: Any
    add_prefix: Any
    get_initial_for_field: Any

    def full_clean(self) -> None:
        super().full_clean()  # type: ignore[misc]
        known = self.seen.digests.get(_key(self), {}) if _is_stored(self) else {}
        changed = [name for name in self.fields if name in known and self._was_changed(name, known[name])]
        if not changed:
            return
        author = _author(self.instance, self.seen.at)
        for name in changed:
            self.add_error(name, self._told(name, known[name], author))
        names = ", ".join(str(self.fields[name].label or name) for name in changed)
        text = _(
            "Nothing was saved: since you opened this page, %(author)s changed %(fields)s. Look at it and save again."
        )
        self.add_error(None, text % {"author": author, "fields": names})

    def _was_changed(self, name: str, known: str) -> bool:
        """Tell whether the object holds something else than was seen, and than what is posted."""
        stored = _digest(self._stored(name))
        return known != stored and (name not in self.cleaned_data or _digest(self.cleaned_data[name]) != stored)

    def _told(self, name: str, known: str, author: str) -> Any:
        field, stored = self.fields[name], self._stored(name)
        if name in self.cleaned_data and _digest(self.cleaned_data[name]) == known:
            self._take_over(name, field, stored)
            return _("Changed meanwhile by %(author)s; the new value stands here.") % {"author": author}
        if isinstance(field.widget, forms.PasswordInput):
            return _("Changed meanwhile by %(author)s. Saving again replaces it by yours.") % {"author": author}
        theirs, mine = _text(field, stored), _text(field, self[name].value())  # type: ignore[index]
        if len(theirs) <= _SHORT and "\n" not in theirs:
            text = _("Changed meanwhile by %(author)s to “%(value)s”. Saving again replaces it by yours.")
            return text % {"author": author, "value": theirs}
        lines = list(difflib.unified_diff(theirs.splitlines(), mine.splitlines(), lineterm="", n=1))[2:]
        text = _("Changed meanwhile by %(author)s. Saving again replaces theirs (-) by yours (+):")
        return format_html(
            '{}<pre class="controller-diff">{}</pre>', text % {"author": author},
            format_html_join("\n", "{}", ((line,) for line in lines)),
        )  # fmt: skip

    def _stored(self, name: str) -> Any:
        return self.get_initial_for_field(self.fields[name], name)

    def _take_over(self, name: str, field: Any, stored: Any) -> None:
        """Show what is stored in place of what was posted."""
        self.data = self.data.copy()
        put(self.data, self.add_prefix(name), field, stored)


_Page: Any = ModelAdmin


class SimultaneousEdits(_Page):
    """Pages that tell what somebody else stored since they were opened."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the object; one that is posted is locked, so that who posts at the same moment waits."""
        if request.method == "POST" and connection.in_atomic_block and Seen.posted(request) is not None:
            found = super().get_object(request, object_id, from_field)
            if found is None:
                return None
            list(self.model._base_manager.filter(pk=found.pk).select_for_update(no_key=True).values_list("pk"))
        return super().get_object(request, object_id, from_field)

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        return _watched(form, _seen(request, obj))

    def get_formsets_with_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        for formset, inline in super().get_formsets_with_inlines(request, obj):
            formset.form = _watched(formset.form, _seen(request, obj))
            yield formset, inline

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """Give the page what its fields hold."""
        if kwargs.get("change") and self.has_change_permission(request, kwargs.get("obj")):
            inlines = [form for inline in context["inline_admin_formsets"] for form in inline.formset.forms]
            context["seen"] = Seen.of([context["adminform"].form, *inlines]).as_json()
        return super().render_change_form(request, context, *args, **kwargs)


def _seen(request: HttpRequest, obj: Any) -> Seen | None:
    return Seen.posted(request) if request.method == "POST" and obj is not None else None


def _watched(form: Any, seen: Seen | None) -> Any:
    """Return a class of forms that knows what was seen; its fields are those of ``form``."""
    if seen is None:
        return form
    watched = type(form)(form.__name__, (WatchedForm, form), {"seen": seen, "__module__": form.__module__})
    watched.base_fields = form.base_fields
    return watched


def _is_stored(form: Any) -> bool:
    instance = getattr(form, "instance", None)
    return instance is not None and instance.pk is not None and not instance._state.adding


def _key(form: Any) -> str:
    kind = form.prefix.rpartition("-")[0] if form.prefix else ""
    return f"{kind}/{form.instance.pk}"


def _digests(form: Any) -> dict[str, str]:
    return {name: _digest(form.get_initial_for_field(field, name)) for name, field in form.fields.items()}


def _digest(value: Any) -> str:
    text = json.dumps(plain(value), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _text(field: Any, value: Any) -> str:
    """Return a value as people read it: objects by name, JSON as it is typed."""
    if hasattr(field, "queryset"):
        found = plain(value)
        keys = [key for key in (found if isinstance(found, list) else [found]) if key]
        try:
            names = {str(pk): str(each) for pk, each in field.queryset.in_bulk(keys).items()}
        except (ValidationError, ValueError):
            names = {}
        return ", ".join(names.get(str(key), str(key)) for key in keys)
    prepared = field.prepare_value(value)
    return "" if prepared is None else str(prepared)


def _author(instance: Model, since: datetime) -> str:
    """Return who stored the last version of an object, where that was after ``since``."""
    user: Any = None
    if reversion.is_registered(type(instance)):
        version = Version.objects.get_for_object(instance).select_related("revision__user").first()
        if version is not None and version.revision.date_created >= since:
            user = version.revision.user
    return str(user) if user is not None else str(_("somebody else or a program"))
