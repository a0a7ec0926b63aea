"""Before an edit of a shared object is stored, a page tells what it does to devices; see ``config/impacts.py``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import ModelAdmin
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ...common.rest.permissions import may
from ..impacts import Edit, preview, progress
from ..models import Device

ASKED = "_tell_impact"
"""Name of the hidden field of pages that want to know before they store; what scripts post is stored at once."""
CONFIRMED = "_confirmed"
"""Name of the button that stores all the same."""
BACK = "_back"
"""Name of the button that leads back to the form, with everything that was typed."""
_FAILING = "_failing"
_UNSHOWN = ("csrfmiddlewaretoken", CONFIRMED, BACK, _FAILING)
_Page: Any = ModelAdmin


class TellsImpact(_Page):
    """Pages of objects that devices are made from.

    A posted form that is sound and reaches devices is answered with a page: how many change, how many would no longer
    compile and why, which variables would lack, and the differences. That page stores it, or leads back.
    """

    def edit_of(self, request: HttpRequest, form: Any) -> Edit | None:
        """Return what a sound form would store, as far as devices are made from it; None = nothing of that."""
        raise NotImplementedError

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.impact_progress)
        return [path("impact/<uuid:pk>/", view, name=self._impact_name()), *super().get_urls()]

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        """Show or store a form; one that reaches devices is stored when the person has seen what it does."""
        is_asking = request.method == "POST" and ASKED in request.POST and not {CONFIRMED, BACK} & request.POST.keys()
        page = self._impact_page(request, unquote(object_id)) if is_asking else None
        return page or self.told_view(request, object_id, *args, **kwargs)

    def told_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        """Show a form, or store what is posted: whoever posts it was told."""
        return super().change_view(request, object_id, *args, **kwargs)

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        if request.method != "POST" or BACK not in request.POST:
            return form
        back = type(form)(form.__name__, (_NotYet, form), {"__module__": form.__module__})
        back.base_fields = form.base_fields
        return back

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        context["tells_impact"] = bool(kwargs.get("change"))
        if request.method == "POST" and BACK in request.POST:
            context["errors"] = []  # nothing has to be corrected
            context["is_unsaved"] = True
        return super().render_change_form(request, context, *args, **kwargs)

    def message_user(
        self, request: HttpRequest, message: Any, level: Any = messages.INFO, *args: Any, **kw: Any
    ) -> None:
        """Success is none where devices do not compile any more: that is told in red, with the way to them."""
        super().message_user(request, message, level, *args, **kw)
        failing = request.POST.get(_FAILING, "") if level == messages.SUCCESS else ""
        if not failing.isdecimal() or not int(failing):
            return
        list(messages.get_messages(request))  # takes them out; they are told below
        text = ngettext(
            "It was saved, but %(count)d device does not compile with it and keeps what it has until this is mended.",
            "It was saved, but %(count)d devices do not compile with it and keep what they have until this is mended.",
            int(failing),
        ) % {"count": int(failing)}
        link = reverse("admin:config_device_changelist") + "?config__status__exact=error"
        shown = format_html('{} <a href="{}">{}</a>', text, link, _("Show devices with errors"))
        super().message_user(request, shown, messages.ERROR)

    def impact_progress(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Answer with what is known by now of the impact that this person looks at."""
        found = progress(pk, request.user)
        if found is None:
            raise Http404
        shown = render_to_string("admin/config/impact_report.html", self._shown(request, found), request)
        return JsonResponse({"complete": found["complete"], "failed": found["failed"], "report": shown})

    def _impact_page(self, request: HttpRequest, key: str) -> HttpResponse | None:
        """Return the page about what is posted; None where there is nothing to tell."""
        with transaction.atomic():
            instance = self.get_object(request, key)
            if instance is None or not self.has_change_permission(request, instance):
                return None
            form = self.get_form(request, instance, change=True)(request.POST, request.FILES, instance=instance)
            if not form.is_valid():
                return None
            edit = self.edit_of(request, form)
            found = preview(edit, request.user) if edit is not None else None
        if found is None or (found["complete"] and not (found["changed"] or found["failed"])):
            return None
        context = {
            **self.admin_site.each_context(request), **self._shown(request, found), "opts": self.opts,
            "title": _("What saving “%s” does") % instance, "original": instance, "posted": _posted(request.POST),
            "progress": reverse(f"admin:{self._impact_name()}", args=[found["id"]]) if found["id"] else "",
        }  # fmt: skip
        return TemplateResponse(request, "admin/config/impact.html", context)

    def _shown(self, request: HttpRequest, found: dict[str, Any]) -> dict[str, Any]:
        """Return the report for a template; differences are for those who may change devices."""
        groups = found["groups"]
        if not may(request.user, "change", Device):
            groups = [{**group, "diff": ""} for group in groups]
        groups = [{**group, "lines": group["diff"].splitlines(), "more": group["devices"] - len(group["names"])}
                  for group in groups]  # fmt: skip
        return {"impact": {**found, "groups": groups}}

    def _impact_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_impact"


class _NotYet:
    """A form that is shown again, as it was typed, and not stored."""

    add_error: Any

    def full_clean(self) -> None:
        super().full_clean()  # type: ignore[misc]
        self.add_error(None, _("Nothing is saved yet."))


def edit_of_fields(instance: Model, form: Any, ignored: Iterable[str], templates: Any = None) -> Edit | None:
    """Return the edit that a form makes of an object.

    Args:
        instance: the object of the form, with the new values.
        form: a sound one.
        ignored: names of fields that devices are not made from.
        templates: the new list of templates, if the form has one.
    """
    if not set(form.changed_data) - set(ignored):
        return None
    fields = [field for field in instance._meta.concrete_fields if field.name in form.cleaned_data]
    values = {field.attname: getattr(instance, field.attname) for field in fields if field.name not in ignored}
    return Edit(instance, values, list(templates) if templates is not None else None)


def _posted(data: Any) -> list[tuple[str, str]]:
    """Return what was posted, name by name, for a page that posts it again."""
    return [(name, value) for name, values in data.lists() if name not in _UNSHOWN for value in values]
