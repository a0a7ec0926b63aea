"""Copying templates, into another organization if wished."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from openwisp_users.models import Organization
from openwisp_users.widgets import SHARED_SYSTEMWIDE_LABEL

from ..models import Template
from .action_forms import ask


class OrganizationForm(forms.Form):
    """Asks for an organization that a person manages; superusers may choose none, which means shared."""

    organization: Any = forms.ModelChoiceField(Organization.objects.none(), label=gettext_lazy("organization"))

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["organization"]
        field.queryset = Organization.objects.all()
        if user.is_superuser:
            field.required, field.empty_label = False, SHARED_SYSTEMWIDE_LABEL
        else:
            field.queryset, field.empty_label = field.queryset.filter(pk__in=user.organizations_managed), None


def clone_templates(page: Any, request: HttpRequest, queryset: QuerySet[Template]) -> HttpResponse | None:
    """Ask for the organization that gets the copies, unless there is just one, then copy the selected templates.

    Args:
        page: administration page of templates.
        queryset: the selected templates, of the organizations that the person manages.
    """
    user: Any = request.user
    owners = set(queryset.order_by().values_list("organization_id", flat=True))
    if not user.is_superuser and len(user.organizations_managed) == 1:
        _clone(page, request, queryset, owners.pop() if owners else None)
        return None
    initial = {"organization": owners.pop() if len(owners) == 1 else None}
    form = OrganizationForm(user, request.POST if "apply" in request.POST else None, initial=initial)
    if form.is_valid():
        organization = form.cleaned_data["organization"]
        _clone(page, request, queryset, organization.pk if organization is not None else None)
        return None
    return ask(page, request, form, "admin/config/template/clone.html", title=_("Clone templates"), objects=queryset)


def _clone(page: Any, request: HttpRequest, templates: QuerySet[Template], organization: Any) -> None:
    for template in templates:
        try:
            clone = template.clone(request.user, organization_id=organization)
        except ValidationError as error:
            values = {"template": template.name, "reason": "; ".join(error.messages)}
            text = _('"%(template)s" could not be cloned: %(reason)s') % values
            page.message_user(request, text, messages.ERROR)
        else:
            text = _('"%(template)s" was cloned: "%(clone)s".') % {"template": template.name, "clone": clone.name}
            page.message_user(request, text, messages.SUCCESS)
