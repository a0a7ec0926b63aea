"""Devices with their configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import reversion
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from openwisp_users.multitenancy import MultitenantOrgFilter

from ...common.ago import ago_with_time
from ...common.badges import badge
from ...common.validators import check_key_length
from ..devices import history
from ..devices import management_ip as management_ips
from ..exportable import DeviceResource
from ..models import Config, Device
from ..settings import settings
from ..whois.service import WHOISService
from . import whois
from .base import ControllerAdmin, Secret, is_backend_hidden
from .change_group import change_group
from .config_form import ConfigFormSet, ConfigInline
from .device_actions import DeviceTools
from .device_filters import GroupFilter, NotSeenFilter, TemplateFilter
from .exact import exactly
from .export_selected import export_selected
from .lazy_inlines import LazyInlines
from .move import move
from .own_lists import OwnLists
from .roll_back import roll_back
from .transfer import TransfersDevices

#: Status of a configuration → colour.
_BADGES = {"applied": "good", "modified": "waiting", "error": "bad"}


#: So many devices that share an address are searched for like any other text.
EXACT = 1000


@dataclass(frozen=True)
class DevicePageExtension:
    """What another app adds to the pages of devices.

    ``inlines`` are inline forms, ``list_filter`` filters of the list, ``tools`` and ``panel`` names of templates, shown
    among the object tools and below the inlines; ``context`` gives variables to them. ``urls`` gives addresses below
    ``/admin/config/device/``. ``actions`` are actions of the list, each behind the permission that shows it.
    ``resource`` is the class of exports and imports, with columns of the app.
    """

    inlines: tuple[type[admin.options.InlineModelAdmin[Any, Any]], ...] = ()
    list_filter: tuple[type[admin.ListFilter], ...] = ()
    tools: str = ""
    panel: str = ""
    context: Callable[[HttpRequest, Device], dict[str, Any]] = lambda request, device: {}
    urls: Callable[[DeviceAdmin], list[Any]] = lambda device_admin: []
    actions: tuple[tuple[str, Callable[..., HttpResponse | None]], ...] = ()
    resource: type[DeviceResource] | None = None


def extend_device_page(extension: DevicePageExtension) -> None:
    """Add to the pages of devices; to be called by the ``admin`` module of an app.

    A package's own page that is registered already gets it, too, whether it uses our lists or made copies of them.
    """
    DeviceAdmin.extensions += (extension,)
    for name, added in (("inlines", extension.inlines), ("list_filter", extension.list_filter)):
        for page in (DeviceAdmin, type(admin.site._registry[Device])):
            shown = getattr(page, name)
            missing = [each for each in added if each not in shown]
            if isinstance(shown, tuple):
                setattr(page, name, (*shown, *missing))
            else:
                shown.extend(missing)
    DeviceAdmin.resource_class = extension.resource or DeviceAdmin.resource_class
    _register_again()


def _register_again() -> None:
    """Let what was added take effect, on the page that shows devices now, which may be a package's own."""
    page = type(admin.site._registry[Device])
    reversion.unregister(Device)
    admin.site.unregister(Device)
    admin.site.register(Device, page)


class DeviceForm(forms.ModelForm):
    user: Any
    """Who fills it in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "key" in self.fields:
            self.fields["key"].widget = Secret(self.fields["key"].widget.attrs)

    def _post_clean(self) -> None:
        """Refuse keys that can be guessed; one that is there already stays."""
        super()._post_clean()  # type: ignore[misc]
        if "key" in self.changed_data and "key" not in self.errors:
            try:
                check_key_length(self.cleaned_data["key"] or "")
            except ValidationError as error:
                self.add_error(None, error)

    def clean(self) -> dict[str, Any]:
        """Refuse a management address that another device has: only the devices themselves move one."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if {"management_ip", "organization"} & set(self.changed_data) and not self.errors:
            try:
                management_ips.check_assignable(
                    self.instance.pk, cleaned.get("management_ip"), cleaned.get("organization"), self.user
                )
            except ValidationError as error:
                self.add_error("management_ip", error)
        return cleaned


@admin.register(Device)
class DeviceAdmin(OwnLists, TransfersDevices, DeviceTools, LazyInlines, ControllerAdmin):
    change_list_template = "admin/config/device/change_list.html"
    change_form_template = "admin/config/device/change_form.html"
    not_found = _("There is no such device, or it belongs to an organization that you do not manage.")
    labels = {
        **ControllerAdmin.labels,
        "mac_address": _("MAC address"), "last_ip": _("Last IP"), "management_ip": _("Management IP"),
    }  # fmt: skip
    # lists: packages add to them
    list_display: ClassVar[list[Any]] = [
        "name", "organization", "backend_label", "group", "config_status", "last_seen", "mac_address", "ip", "created",
        "modified",
    ]  # fmt: skip
    list_filter: ClassVar[list[Any]] = [
        "config__status", "config__backend", MultitenantOrgFilter, TemplateFilter, GroupFilter,
        "config__release_policy", NotSeenFilter, "created",
    ]  # fmt: skip
    list_select_related: ClassVar[list[str]] = ["organization", "group", "config", "sighting"]
    search_fields: ClassVar[list[str]] = [
        "id", "name", "mac_address", "key", "model", "os", "system", "management_ip", "last_ip", "notes",
    ]  # fmt: skip
    readonly_fields: ClassVar[list[str]] = ["id", "last_ip", "whois", "created", "modified"]
    inlines: ClassVar[list[Any]] = [ConfigInline]
    conditional_inlines: ClassVar[list[Any]] = []
    """Inline forms of packages that are shown where their ``_get_conditional_queryset`` finds something."""
    extensions: tuple[DevicePageExtension, ...] = ()
    followed: ClassVar[list[str]] = []
    """Names of relations whose objects enter the versions of a device; see ``add_reversion_following``."""
    actions: ClassVar[list[str]] = [
        "activate_device", "deactivate_device", "change_group", "move_to_organization", "hold_device",
        "lift_hold_of_device", "roll_back_device", "expect_reenrolment_of_devices", "export_selected",
        "delete_selected",
    ]  # fmt: skip
    multitenant_shared_relations = ["group"]
    fields: ClassVar[list[Any]] = [
        "name", "organization", "mac_address", "group", "key", "model", "os", "system", "notes", "management_ip",
        "last_ip", "id", "created", "modified",
    ]  # fmt: skip

    class Media:
        """What packages add to the page; its own is in its template."""

        css: ClassVar[dict[str, list[str]]] = {"all": []}
        js: ClassVar[list[str]] = []

    @classmethod
    def add_reversion_following(cls, follow: Iterable[str]) -> None:
        """Let the objects of these relations enter the versions of a device; for packages."""
        DeviceAdmin.followed.extend(name for name in follow if name not in DeviceAdmin.followed)
        _register_again()

    def reversion_register(self, model: type[Model], **options: Any) -> None:
        if model is Device:
            options["follow"] = [*options.get("follow", ()), *self.followed]
        super().reversion_register(model, **options)

    def get_extra_context(self, pk: Any = None) -> dict[str, Any]:
        """Return what templates of the add and the change page know besides; for packages.

        Args:
            pk: key of the device; None on the add page.
        """
        return {}

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return super().add_view(request, form_url, {**self.get_extra_context(), **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        context = {**self.get_extra_context(unquote(object_id)), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        found = list(super().get_inlines(request, obj))
        for inline in self.conditional_inlines if obj is not None else ():
            if inline(inline.model, self.admin_site)._get_conditional_queryset(request, obj=obj):
                found.append(inline)
        return found

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **{"form": DeviceForm, **kwargs})  # a class of its own for each request
        form.user = request.user
        return form

    def get_urls(self) -> list[Any]:
        added = [url for extension in self.extensions for url in extension.urls(self)]
        return [*added, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        device = kwargs.get("obj")
        context["extensions"] = self.extensions if device is not None else ()
        for extension in context["extensions"]:
            context.update(extension.context(request, device))
        if device is not None:
            context["status_badge"] = self.config_status(device)
            context["last_seen"] = self.last_seen(device)
            config = device.config if device.has_config() else None
            context["status_reason"] = (config.compile_error or config.error_reason) if config is not None else ""
        return super().render_change_form(request, context, *args, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = list(super().get_fields(request, obj))
        if obj is not None and not self.may_manage(request):
            fields.remove("key")
        if settings.HARDWARE_ID_ENABLED:
            fields.insert(1, "hardware_id")
        if obj is not None and WHOISService(obj).is_enabled:
            fields.insert(fields.index("last_ip") + 1, "whois")
        return fields

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the actions of the list, those of other apps before deleting."""
        found: dict[str, Any] = super().get_actions(request)
        last = found.pop("delete_selected", None)
        user: Any = request.user
        for permission, function in (each for extension in self.extensions for each in extension.actions):
            if found and user.has_perm(permission):
                name: str = function.__name__
                found[name] = (function, name, function.short_description)  # type: ignore[attr-defined]
        return found if last is None else {**found, "delete_selected": last}

    def all_columns(self, request: HttpRequest) -> Any:
        hidden = {"backend_label"} if is_backend_hidden() else set()
        names = [name for name in super().all_columns(request) if name not in hidden]
        return [names[0], "hardware_id", *names[1:]] if settings.HARDWARE_ID_ENABLED else names

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = super().get_list_filter(request)
        return [name for name in filters if name != "config__backend" or not is_backend_hidden()]

    def get_search_fields(self, request: HttpRequest) -> Any:
        added = ("hardware_id",) if settings.HARDWARE_ID_ENABLED else ()
        return (*super().get_search_fields(request), *added)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Device]:
        devices: QuerySet[Device] = super().get_queryset(request)
        return devices.select_related(*self.list_select_related)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Device], search_term: str
    ) -> tuple[QuerySet[Device], bool]:
        """Look a whole value up instead of reading all devices, where some device has it."""
        whole = exactly(search_term)
        if whole is not None:
            keys = list(queryset.filter(whole).order_by().values_list("pk", flat=True)[:EXACT])
            if 0 < len(keys) < EXACT:
                return queryset.filter(pk__in=keys), False
        found: tuple[QuerySet[Device], bool] = super().get_search_results(request, queryset, search_term)
        return found

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return bool(allowed) and not (obj is not None and obj.is_deactivated())

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        return bool(allowed) and (obj is None or obj.is_deactivated())

    def check_restored(self, instance: Any) -> None:
        """A device with its configuration."""
        super().check_restored(instance)
        if instance.has_config():
            instance.config.full_clean()

    def compile_error_of(self, instance: Device) -> str:
        return Config.objects.filter(device=instance).values_list("compile_error", flat=True).first() or ""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Tell which variables nobody defines."""
        super().save_related(request, form, formsets, change)
        for formset in formsets:
            if isinstance(formset, ConfigFormSet) and (warning := formset.warning()):
                self.message_user(request, warning, messages.WARNING)

    def delete_model(self, request: HttpRequest, obj: Device) -> None:
        obj.delete(check_deactivated=False)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        for device in queryset:
            device.delete(check_deactivated=False)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Refuse devices that are being deactivated unless the person acknowledged what that means."""
        acknowledged = "force_delete" in request.POST or "post" not in request.POST
        refused = [str(device) for device in objs if not (acknowledged or device.is_fully_deactivated())]
        if refused:
            raise PermissionDenied(
                _("The device must be deactivated prior to deletion") + f": {', '.join(refused[:10])}"
            )
        return super().get_deleted_objects(objs, request)

    def _refuses_active(self, request: HttpRequest, devices: Iterable[Device]) -> bool:
        """Tell the person which of the devices that they want to delete are active, if any."""
        active = [str(device) for device in devices if not device.is_deactivated()]
        if active:
            names = ", ".join(active[:10]) + (" …" if len(active) > 10 else "")
            text = _("Nothing was deleted, for these devices are active: %s. Deactivate them first.") % names
            self.message_user(request, text, messages.ERROR)
        return bool(active)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        device = self.get_object(request, unquote(object_id))
        if device is not None and self.has_delete_permission(request) and self._refuses_active(request, [device]):
            return HttpResponseRedirect(reverse("admin:config_device_change", args=[device.pk]))
        running = [device] if device is not None and not device.is_fully_deactivated() else []
        return super().delete_view(request, object_id, {**(extra_context or {}), "running": running})

    @admin.display(description=_("WHOIS"))
    def whois(self, device: Device) -> str:
        return whois.summary(WHOISService(device).get_device_whois_info())

    @admin.display(description=_("backend"))
    def backend_label(self, device: Device) -> str:
        return device.backend or "-"

    @admin.display(description=_("config status"), ordering="config__status")
    def config_status(self, device: Device) -> Any:
        status = device.config.status if device.has_config() else "deactivated" if device.is_deactivated() else ""
        return badge(_BADGES.get(status, "idle"), Config.Status(status).label if status else _("unknown"))

    @admin.display(description=_("last seen"), ordering="sighting__at")
    def last_seen(self, device: Device) -> Any:
        return ago_with_time(device.last_seen)

    @admin.display(description=_("IP address"))
    def ip(self, device: Device) -> str:
        address = device.management_ip if settings.MANAGEMENT_IP_DEVICE_LIST else None
        return address or device.last_ip or "-"

    @admin.action(description=_("Delete selected devices"), permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Device]) -> Any:
        if self._refuses_active(request, queryset):
            return None
        answer: Any = delete_selected(self, request, queryset)
        if answer is not None:
            answer.context_data["running"] = [device for device in queryset if not device.is_fully_deactivated()]
        return answer

    @admin.action(description=_("Activate selected devices"), permissions=["view"])
    def activate_device(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        self._for_each(request, queryset, Device.activate, is_deactivated=True)

    @admin.action(description=_("Deactivate selected devices"), permissions=["view"])
    def deactivate_device(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        self._for_each(request, queryset, Device.deactivate, is_deactivated=False)

    @admin.action(description=_("Expect re-enrolment of selected devices"), permissions=["change"])
    def expect_reenrolment_of_devices(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        self._for_each(request, queryset, partial(self._expect, request), is_deactivated=False)

    @admin.action(description=_("Change group of selected devices"), permissions=["change"])
    def change_group(self, request: HttpRequest, queryset: QuerySet[Device]) -> HttpResponse | None:
        return change_group(self, request, queryset)

    @admin.action(description=_("Move selected devices to another organization"), permissions=["change"])
    def move_to_organization(self, request: HttpRequest, queryset: QuerySet[Device]) -> HttpResponse | None:
        return move(self, request, queryset)

    @admin.action(description=_("Export selected devices"), permissions=["view"])
    def export_selected(self, request: HttpRequest, queryset: QuerySet[Device]) -> HttpResponse:
        return export_selected(self, request, queryset)

    @admin.action(description=_("Hold selected devices at what they have"), permissions=["change"])
    def hold_device(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        self._for_each(request, queryset, partial(self._set_hold, request, held=True), is_deactivated=False)

    @admin.action(description=_("Lift the hold of selected devices"), permissions=["change"])
    def lift_hold_of_device(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        self._for_each(request, queryset, partial(self._set_hold, request, held=False), is_deactivated=False)

    @admin.action(description=_("Roll selected devices back to a time"), permissions=["change"])
    def roll_back_device(self, request: HttpRequest, queryset: QuerySet[Device]) -> HttpResponse | None:
        return roll_back(self, request, queryset)

    def _set_hold(self, request: HttpRequest, device: Device, *, held: bool) -> bool:
        if not device.has_config() or (device.config.release_policy == Config.Release.HELD) is held:
            return False
        (history.hold if held else history.lift_hold)(device.config)
        self.log_change(request, device, "Held at its released revision." if held else "Its hold was lifted.")
        return True

    def _for_each(
        self, request: HttpRequest, queryset: QuerySet[Device], do: Callable[[Device], Any], *, is_deactivated: bool
    ) -> None:
        """Do something to those that are deactivated or not; ``do`` returns False where it did nothing."""
        if not self.may_manage(request):
            raise PermissionDenied
        count = 0
        for device in queryset.filter(_is_deactivated=is_deactivated):
            count += do(device) is not False
        message = ngettext("%(count)d device was changed.", "%(count)d devices were changed.", count) % {"count": count}
        self.message_user(request, message, messages.SUCCESS if count else messages.INFO)
