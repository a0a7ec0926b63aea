"""Exporting an organization to a file, and importing such files, in the administration."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from openwisp_users.models import Organization

from ...common.rest.permissions import may
from .. import organization_files
from ..models import DeviceGroup, Template, Vpn

_MODELS = (Template, DeviceGroup, Vpn)


class OrganizationFileForm(forms.Form):
    """Asks for a file and where it goes. What was checked comes back as text, to be imported."""

    file = forms.FileField(label=gettext_lazy("File"), required=False)
    into: Any = forms.ModelChoiceField(
        label=gettext_lazy("Into"), queryset=Organization.objects.none(), required=False,
        help_text=gettext_lazy("An organization that gets what the file holds, or a new one."),
    )  # fmt: skip
    document = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, user: Any, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        into: Any = self.fields["into"]
        organizations = Organization.objects.filter(is_active=True)
        into.queryset = organizations if user.is_superuser else organizations.filter(pk__in=user.organizations_managed)
        if may(user, "add", Organization) and user.is_superuser:
            into.empty_label = _("a new organization, as the file says")
        else:
            into.required = True

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        file, text = cleaned.get("file"), cleaned.get("document")
        if file is None and not text:
            raise ValidationError({"file": self.fields["file"].error_messages["required"]})
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if file is not None and most is not None and file.size > most:
            raise ValidationError({"file": _("The file is larger than %d kB.") % (most // 1024)})
        try:
            cleaned["parsed"] = organization_files.parse(file.read() if file is not None else str(text))
        except ValidationError as error:
            raise ValidationError({"file": error.messages}) from None
        return cleaned


class OrganizationFiles:
    """Pages beside the list and the pages of organizations."""

    admin_site: Any
    opts: Any
    get_object_or_404: Callable[..., Organization]
    message_user: Callable[..., None]
    has_view_permission: Callable[..., bool]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        base = f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path("import/", view(self.import_organization), name=f"{base}_import"),
            path("<uuid:pk>/export/", view(self.export_organization), name=f"{base}_export"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"may_import_organizations": self._may_import(request), **(extra_context or {})}
        answer: HttpResponse = super().changelist_view(request, context)  # type: ignore[misc]
        return answer

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["may_export_organization"] = self._may_export(request)
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]

    def export_organization(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Answer with the file of an organization."""
        organization = self.get_object_or_404(request, pk)
        if not self._may_export(request) or not self.has_view_permission(request, organization):
            raise PermissionDenied
        text = json.dumps(organization_files.export(organization), indent=2, ensure_ascii=False) + "\n"
        name = f'attachment; filename="{organization.slug}.json"'
        headers = {"Content-Disposition": name, "Cache-Control": "no-store"}
        return HttpResponse(text, content_type="application/json", headers=headers)

    def import_organization(self, request: HttpRequest) -> HttpResponse:
        """Ask for a file, tell what it would create, then create it."""
        if not self._may_import(request):
            raise PermissionDenied
        is_posted = request.method == "POST"
        form = OrganizationFileForm(request.user, *((request.POST, request.FILES) if is_posted else ()))
        context: dict[str, Any] = {**self.admin_site.each_context(request), "opts": self.opts, "form": form}
        context["title"] = _("Import an organization")
        if is_posted and form.is_valid():
            document, into = form.cleaned_data["parsed"], form.cleaned_data["into"]
            if "confirmed" in request.POST:
                plan = organization_files.load(document, into=into, user=request.user)
                if not plan.problems:
                    text = _("%(count)d objects were created in %(organization)s.")
                    shown = {"count": len(plan.created), "organization": plan.organization}
                    self.message_user(request, text % shown, messages.SUCCESS)
                    return HttpResponseRedirect(reverse("admin:openwisp_users_organization_changelist"))
            else:
                plan = organization_files.plan(document, into=into, user=request.user)
            context |= {"plan": plan, "document": json.dumps(document), "into": into}
        return TemplateResponse(request, "admin/config/organization_import.html", context)

    def _may_export(self, request: HttpRequest) -> bool:
        """Variables may be secret: they are for those who may change what holds them."""
        return all(may(request.user, "change", model) for model in _MODELS)

    def _may_import(self, request: HttpRequest) -> bool:
        return all(may(request.user, "add", model) for model in _MODELS)
