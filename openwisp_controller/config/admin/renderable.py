"""Pages of what renders on its own, templates and VPN servers: preview before saving, download, variables."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from ... import rendering
from ...common.form_data import completed
from . import responses
from .base import ControllerAdmin

#: What only the forms of pages carry; programs post to the preview what they know, and the rest is as it is.
_FROM_PAGES = "csrfmiddlewaretoken"


class RenderedAdmin(ControllerAdmin):
    """Views beside the form. Each looks its object up inside the organizations that the person manages."""

    change_form_template = "admin/config/rendered_form.html"

    def text_of(self, instance: Any) -> str:
        """Return the files of an object, which may be unsaved, as one text; raise ``RenderingError``."""
        raise NotImplementedError

    def archive_of(self, instance: Any) -> bytes | None:
        """Return the archive of a stored object, or None when there is none."""
        raise NotImplementedError

    def warning_about(self, instance: Any) -> str:
        """Return what people should know about an object that is about to be saved; empty = nothing."""
        return ""

    def variables_of(self, instance: Any) -> dict[str, Any]:
        """Return the variables that people may look up."""
        variables: dict[str, Any] = instance.get_context()
        return variables

    def may_download(self, request: HttpRequest, instance: Any) -> bool:
        """Tell whether a person may have the archive and the variables of an object."""
        return bool(self.has_change_permission(request, instance))

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("preview/", view(require_POST(self.preview)), name=self._name("preview")),
            path("download/<uuid:pk>/", view(self.download), name=self._name("download")),
            path("<uuid:pk>/context.json", view(self.variables), name=self._name("context")),
            *super().get_urls(),
        ]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        instance = kwargs.get("obj")
        may_save = self.has_change_permission(request, instance) if instance else self.has_add_permission(request)
        context["preview_url"] = reverse(f"admin:{self._name('preview')}") if may_save else ""
        if instance is not None and self.may_download(request, instance):
            context["download_url"] = reverse(f"admin:{self._name('download')}", args=[instance.pk])
        return super().render_change_form(request, context, *args, **kwargs)

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Answer with the files that saving the posted form would give, or with the errors of the form, by field."""
        key = request.POST.get("id")
        instance = self.get_object_or_404(request, key) if key else None
        if not (self.has_change_permission(request, instance) if instance else self.has_add_permission(request)):
            raise PermissionDenied
        form_class = self.get_form(request, instance, change=instance is not None)
        data: QueryDict = request.POST
        if _FROM_PAGES not in data:
            data = completed(form_class(instance=instance), data)
        form = form_class(data, instance=instance)
        if not form.is_valid():
            return JsonResponse({"errors": responses.errors_of(form)}, status=400)
        try:
            text = self.text_of(form.instance)
        except rendering.RenderingError as error:
            return JsonResponse({"errors": {"config": [error.message]}}, status=400)
        return JsonResponse({"text": text, "warning": self.warning_about(form.instance)})

    def download(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Answer with the archive."""
        instance = self._downloadable(request, pk)
        archive = self.archive_of(instance)
        if archive is None:
            raise Http404(_("There is no configuration to download yet."))
        return responses.archive(instance.name, archive)

    def variables(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Answer with the variables."""
        return responses.variables(self.variables_of(self._downloadable(request, pk)))

    def _downloadable(self, request: HttpRequest, pk: Any) -> Any:
        instance = self.get_object_or_404(request, pk)
        if not self.may_download(request, instance):
            raise PermissionDenied
        return instance

    def _name(self, view: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{view}"
