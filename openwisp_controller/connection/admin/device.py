"""Parts of the device page: connections, host key, sending commands, recent commands."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ...config.admin import (
    DeactivatedDeviceReadOnlyMixin,
    DeviceAdmin,
    DevicePageExtension,
    LazyInline,
    extend_device_page,
)
from ...config.models import Device
from .. import commands, push
from ..dashboard import reachable, unreachable
from ..models import BatchCommand, Command, DeviceConnection, HostKey
from ..settings import settings
from . import command_fields

RECENT = timedelta(days=7)
MOST = 30


class DeviceConnectionInline(LazyInline, DeactivatedDeviceReadOnlyMixin, admin.StackedInline):
    model = DeviceConnection
    prefix = "deviceconnection_set"
    verbose_name = _("Credentials")
    verbose_name_plural = _("Credentials")
    extra = 0
    fields = ("credentials", "update_strategy", "enabled", "is_working", "failure_reason", "last_attempt")
    readonly_fields = ("is_working", "failure_reason", "last_attempt")

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeviceConnection]:
        rows: QuerySet[DeviceConnection] = super().get_queryset(request)
        return rows.select_related("credentials", "device").defer("credentials__params")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        user: Any = request.user
        if field is not None and db_field.name == "credentials":
            queryset = field.queryset.defer("params")
            if not user.is_superuser:
                queryset = queryset.filter(Q(organization__in=user.organizations_managed) | Q(organization=None))
            field.queryset = queryset
            offered = field.choices
            field.choices = cache(lambda: list(iter(offered)))  # read once for all rows
        return field


def _urls(device_admin: DeviceAdmin) -> list[Any]:
    def accept_host_key(request: HttpRequest, pk: Any) -> HttpResponse:
        """Accept the host key that the device showed, and try it again at once."""
        device = device_admin.get_object_or_404(request, pk)
        if not device_admin.may_manage(request):
            raise PermissionDenied
        host_key = HostKey.objects.filter(device=device).exclude(refused_key="").first()
        if host_key is not None and host_key.refused_fingerprint == request.POST.get("fingerprint"):
            host_key.accept()
            push.request([device.pk])
            device_admin.log_change(request, device, f"Accepted the SSH host key {host_key.fingerprint}.")
            messages.success(request, _("The host key was accepted."))
        else:
            messages.error(request, _("The device has shown yet another host key. Look at it before you accept it."))
        return HttpResponseRedirect(reverse("admin:config_device_change", args=[device.pk]))

    def schema(request: HttpRequest) -> JsonResponse:
        """Answer with the schemas of the commands allowed in an organization."""
        organization = request.GET.get("organization_id", "")
        user: Any = request.user
        managed = {str(key) for key in user.organizations_managed}
        if not user.is_superuser and organization not in managed:
            raise PermissionDenied
        allowed = commands.allowed_commands(organization or None)
        return JsonResponse(command_fields.schemas_of(allowed))

    view = device_admin.admin_site.admin_view
    return [
        path(
            "<uuid:pk>/accept-host-key/",
            view(require_POST(accept_host_key)),
            name="connection_accept_host_key",
        ),
        path("connection/command/ui/schema.json", view(schema), name="connection_command_schema"),
    ]


def _context(request: HttpRequest, device: Device) -> dict[str, Any]:
    user: Any = request.user
    reachable = DeviceConnection.objects.filter(device=device).exists()
    may_view = user.has_perm("connection.view_command")
    recent = Command.objects.none()
    if may_view:
        since = timezone.now() - RECENT
        recent = Command.objects.filter(device=device, created__gte=since).order_by("-created")[:MOST]
    return {
        "host_key": HostKey.objects.filter(device=device).first(),
        "pending_push": getattr(device, "push", None),
        "recent_commands": list(recent),
        "may_send_commands": reachable and not device.is_deactivated() and user.has_perm("connection.add_command"),
        "may_view_commands": may_view,
        "command_texts": command_fields.texts(),
        "allowed_commands": commands.allowed_commands(device.organization_id),
        "controller_api_host": settings.CONTROLLER_API_HOST or "",
    }


class ReachableFilter(admin.SimpleListFilter):
    """Finds devices by whether the controller could log in to them when it last tried."""

    title = _("reachable")
    parameter_name = "reachable"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return (("yes", _("Yes")), ("no", _("No")))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Device]) -> QuerySet[Device]:
        if self.value() == "no":
            return queryset.filter(unreachable())
        return queryset.filter(reachable()) if self.value() == "yes" else queryset


@admin.action(description=_("Send a command to selected devices"))
def send_command(page: Any, request: HttpRequest, queryset: QuerySet[Device]) -> HttpResponse | None:
    """Go on to a new mass command for the selected devices."""
    user: Any = request.user
    owners = set(queryset.order_by().values_list("organization_id", flat=True))
    if len(owners) > 1 and not user.is_superuser:
        page.message_user(request, _("Select devices from one organization"), messages.ERROR)
        return None
    return page.admin_site._registry[BatchCommand].begin_with(request, queryset)


extend_device_page(
    DevicePageExtension(
        actions=(("connection.add_batchcommand", send_command),),
        inlines=(DeviceConnectionInline,),
        list_filter=(ReachableFilter,),
        tools="admin/connection/send_command_tool.html",
        panel="admin/connection/device_panel.html",
        context=_context,
        urls=_urls,
    )
)
