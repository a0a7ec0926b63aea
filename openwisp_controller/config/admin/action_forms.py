"""Questions that an action asks before it runs on the selected objects."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse


def ask(
    page: Any,
    request: HttpRequest,
    form: forms.Form,
    template: str,
    *,
    title: str,
    objects: QuerySet[Any],
    more: dict[str, Any] | None = None,
) -> HttpResponse:
    """Return the page that asks with a form; it posts the action once more, with ``apply``.

    Args:
        page: administration page of the objects.
        form: the question.
        template: extends ``admin/config/action_form.html``.
        title: of the page.
        objects: the selected ones.
        more: what the template shows besides.
    """
    # a selection of everything is posted as such again: thousands of keys are more than a form may have
    is_everything = request.POST.get("select_across") == "1"
    context = {
        **page.admin_site.each_context(request),
        "title": title, "opts": page.opts, "form": form, "objects": objects, "action": request.POST["action"],
        "posted": objects[:1] if is_everything else objects, "is_everything": is_everything, **(more or {}),
        "checkbox_name": ACTION_CHECKBOX_NAME,
    }  # fmt: skip
    return TemplateResponse(request, template, context)
