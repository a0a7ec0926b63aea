"""What can be done on a device's page besides saving it: preview, download, activate, deactivate, lift a hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ... import rendering
from ...common.form_data import completed
from ..compiling import compiler, undefined
from ..devices import history, reenrolment
from ..models import Config, Device
from . import choices, responses
from .overlaps import template_overlaps

#: What of a configuration is posted to the preview by its plain name.
_PLAIN = ("backend", "config", "context", "templates")


def _with_config(given: QueryDict, device: Device | None) -> QueryDict:
    """Return what was posted by plain names as the page posts it, with the configuration as its only inline form."""
    data = given.copy()
    has_config = device is not None and device.has_config()
    is_given = has_config or any(name in given for name in _PLAIN)
    data["config-TOTAL_FORMS"], data["config-INITIAL_FORMS"] = str(int(is_given)), str(int(has_config))
    for name in _PLAIN:
        if name in given:
            data[f"config-0-{name}"] = str(given[name])
    if device is not None and has_config:
        data["config-0-id"], data["config-0-device"] = str(device.config.pk), str(device.pk)
    return data


class DeviceTools:
    """Views beside a device's form. Each looks the device up inside the organizations that the person manages."""

    model: Any
    admin_site: Any
    get_object_or_404: Callable[..., Device]
    has_view_permission: Callable[..., bool]
    message_user: Callable[..., None]
    log_change: Callable[..., Any]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("preview/", view(require_POST(self.preview)), name="config_device_preview"),
            path("download/<uuid:pk>/", view(self.download), name="config_device_download"),
            path(
                "config/get-relevant-templates/<str:organization_id>/",
                view(self._for_editors(choices.relevant_templates)),
                name="get_relevant_templates",
            ),
            path(
                "config/get-default-values/",
                view(self._for_editors(choices.default_values)),
                name="get_default_values",
            ),
            path("config/get-template-overlaps/", view(template_overlaps), name="get_template_overlaps"),
            path("<uuid:pk>/context.json", view(self.variables), name="config_device_context"),
            path("<uuid:pk>/activate/", view(require_POST(self.activate)), name="config_device_activate"),
            path("<uuid:pk>/deactivate/", view(require_POST(self.deactivate)), name="config_device_deactivate"),
            path(
                "<uuid:pk>/expect-reenrolment/",
                view(require_POST(self.expect_reenrolment)),
                name="config_device_expect_reenrolment",
            ),
            path(
                "<uuid:pk>/expect-no-reenrolment/",
                view(require_POST(self.expect_no_reenrolment)),
                name="config_device_expect_no_reenrolment",
            ),
            path("<uuid:pk>/lift-hold/", view(require_POST(self.lift_hold)), name="config_device_lift_hold"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def may_manage(self, request: HttpRequest) -> bool:
        """Tell whether a person may change devices in general, deactivated ones included."""
        return bool(super().has_change_permission(request))  # type: ignore[misc]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["may_manage"] = self.may_manage(request)
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]

    def preview(self, request: HttpRequest) -> HttpResponse:
        """Answer with the files that saving the posted form would give, or with the errors of the form, by field."""
        key = request.POST.get("id")
        device = self.get_object_or_404(request, key) if key else None
        if not self.may_manage(request) and not (device is None and self._may_add(request)):
            raise PermissionDenied
        form, config_form = self._forms(request, device)
        if config_form is None:
            return JsonResponse({"errors": {"__all__": [_("No configuration available")]}}, status=400)
        if form.errors or config_form.errors:
            return JsonResponse(
                {"errors": {**responses.errors_of(form), **responses.errors_of(config_form)}}, status=400
            )
        config: Config = config_form.instance
        try:
            text = compiler.render_text(config, list(config_form.cleaned_data.get("templates") or ()))
        except rendering.RenderingError as error:
            return JsonResponse({"errors": {"config": [error.message]}}, status=400)
        return JsonResponse({"text": text, "warning": undefined.sentence(config_form.undefined)})

    def download(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Answer with the archive that the device may fetch."""
        device = self._manageable(request, pk)
        if not device.has_config() or device.config.released is None:
            raise Http404(_("This device has no configuration."))
        return responses.archive(device.name, bytes(device.config.released.archive))

    def variables(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Answer with the variables that the device sees."""
        return responses.variables(self._manageable(request, pk).get_context())

    def activate(self, request: HttpRequest, pk: Any) -> HttpResponse:
        device = self._manageable(request, pk)
        device.activate()
        return self._done(request, device, _("The device was activated."))

    def deactivate(self, request: HttpRequest, pk: Any) -> HttpResponse:
        device = self._manageable(request, pk)
        device.deactivate()
        return self._done(request, device, _("The device was deactivated; it wipes its configuration."))

    def expect_reenrolment(self, request: HttpRequest, pk: Any) -> HttpResponse:
        device = self._manageable(request, pk)
        if not self._expect(request, device):
            return HttpResponseRedirect(reverse("admin:config_device_change", args=[device.pk]))
        return self._done(request, device, _("The device may enrol with another key, once, within 24 hours."))

    def _expect(self, request: HttpRequest, device: Device) -> bool:
        """Expect the re-enrolment of a device, as its history tells; return False when the person was told why not."""
        try:
            reenrolment.expect(device)
        except reenrolment.CannotBeExpected as error:
            self.message_user(request, str(error), messages.ERROR)
            return False
        self.log_change(request, device, "Expects its re-enrolment with another key.")
        return True

    def expect_no_reenrolment(self, request: HttpRequest, pk: Any) -> HttpResponse:
        device = self._manageable(request, pk)
        reenrolment.expect_no_more(device)
        self.log_change(request, device, "Expects no re-enrolment any more.")
        return self._done(request, device, _("The device is let in with the key that it has, and no other."))

    def lift_hold(self, request: HttpRequest, pk: Any) -> HttpResponse:
        device = self._manageable(request, pk)
        if device.has_config():
            history.lift_hold(device.config)
        return self._done(request, device, _("The device follows its configuration again."))

    def _manageable(self, request: HttpRequest, pk: Any) -> Device:
        device = self.get_object_or_404(request, pk)
        if not self.may_manage(request):
            raise PermissionDenied
        return device

    def _for_editors(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """Show a view to those who may add or change devices."""

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not self.may_manage(request) and not self._may_add(request):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    def _may_add(self, request: HttpRequest) -> bool:
        return bool(self.has_add_permission(request))  # type: ignore[attr-defined]

    def _forms(self, request: HttpRequest, device: Device | None) -> tuple[Any, Any]:
        """Bind the forms of the page to what was posted, without saving anything."""
        form_class = self.get_form(request, device, change=device is not None)  # type: ignore[attr-defined]
        data: QueryDict = request.POST
        is_plain = "config-TOTAL_FORMS" not in data
        if is_plain:
            data = completed(form_class(instance=device), _with_config(data, device))
        form = form_class(data, instance=device)
        form.is_valid()
        (inline,) = [inline for inline in self.get_inline_instances(request, device) if inline.model is Config]  # type: ignore[attr-defined]
        formset_class = inline.get_formset(request, device)
        formset = formset_class(data, instance=form.instance, prefix=formset_class.get_default_prefix())
        if is_plain:
            for config_form in formset.forms:
                config_form.data = completed(
                    config_form.__class__(instance=config_form.instance, prefix="config-0"), data
                )
        formset.is_valid()
        return form, formset.forms[0] if formset.forms else None

    def _done(self, request: HttpRequest, device: Device, message: str) -> HttpResponse:
        self.message_user(request, message, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:config_device_change", args=[device.pk]))
