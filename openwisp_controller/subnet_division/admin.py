"""Rules on the pages of subnets; generated subnets and addresses can be looked at and deleted, not edited."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from openwisp_ipam.admin import IpAddressAdmin as BaseIpAddressAdmin
from openwisp_ipam.admin import SubnetAdmin as BaseSubnetAdmin
from openwisp_ipam.models import IpAddress, Subnet
from openwisp_users.multitenancy import MultitenantAdminMixin
from openwisp_utils.admin_theme.filters import SimpleInputFilter

from ..common.versions import GuardedVersions
from ..config.admin import DevicePageExtension, extend_device_page
from ..config.models import Device, Vpn
from . import generated, importing, protection
from .models import SubnetDivisionRule
from .settings import settings

_FIXED = ("organization", "type", "number_of_subnets", "size")


class RuleForm(forms.ModelForm):
    """Keeps what cannot be changed; a rule on the subnet of an organization belongs to that one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.fields["organization"].required = False
            return
        for name in _FIXED:
            self.fields[name].disabled = True
        self.fields["number_of_ips"].widget.attrs["min"] = self.instance.number_of_ips

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        master = cleaned.get("master_subnet")
        if not cleaned.get("organization") and "organization" not in self.errors:
            owner = getattr(master, "organization", None)
            if owner is None:
                self.add_error("organization", _("Choose the organization whose devices the rule is for."))
            else:
                cleaned["organization"] = owner
        return cleaned


class RuleInline(MultitenantAdminMixin, admin.StackedInline):
    """The rules that divide a subnet."""

    model = SubnetDivisionRule
    form = RuleForm
    extra = 0
    fields = (
        "organization", "type", "label", "number_of_subnets", "size", "number_of_ips", "created", "modified",
    )  # fmt: skip
    readonly_fields = ("created", "modified")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Let the organization be left out: the one of the subnet is taken then."""
        formset = super().get_formset(request, obj, **kwargs)
        if "organization" in formset.form.base_fields:
            formset.form.base_fields["organization"].required = False
        return formset


class RuleTypeFilter(admin.SimpleListFilter):
    """Keeps the subnets that are divided by rules of a type."""

    title = _("rule type")
    parameter_name = "rule_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return settings.SUBNET_DIVISION_TYPES

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(pk__in=SubnetDivisionRule.objects.filter(type=self.value()).values("master_subnet"))


class VpnFilter(admin.SimpleListFilter):
    """Keeps the subnet of a VPN server, and what it is divided into."""

    title = _("VPN server")
    parameter_name = "vpn"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        servers = Vpn.objects.filter(subnet__isnull=False).order_by("name")
        user: Any = request.user
        if not user.is_superuser:
            servers = servers.filter(Q(organization__in=user.organizations_managed) | Q(organization=None))
        return [(str(pk), name) for pk, name in servers.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in {key for key, _name in self.lookup_choices}:
            return queryset.none() if self.value() else queryset
        return queryset.filter(Q(vpn=self.value()) | Q(master_subnet__vpn=self.value())).distinct()


class DeviceFilter(SimpleInputFilter):
    """Keeps the subnets that were generated for a device."""

    title = _("device name")
    parameter_name = "device"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return generated.subnets_of_device(queryset, self.value()) if self.value() else queryset


class SubnetOfDeviceFilter(SimpleInputFilter):
    """Keeps the devices that have something in a subnet."""

    title = _("subnet")
    parameter_name = "subnet"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Device]) -> QuerySet[Device]:
        return generated.devices_in(queryset, self.value()) if self.value() else queryset


class _GeneratedAdmin(GuardedVersions):
    """Generated objects are not edited, and left out of lists where the setting says so."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not generated.is_generated(obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and (match.url_name or "").endswith(("_changelist", "autocomplete", "auto-filter"))
        if settings.HIDE_AUTOMATICALLY_GENERATED_SUBNETS_AND_IPS and is_list:
            rows = generated.without_generated(rows)
        return rows

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Refuse to delete what VPN servers use: all their clients would lose their addresses."""
        deleted, counts, missing, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, missing, [*protected, *protection.users_of(objs)]


def _tell_network(page: Any, request: HttpRequest, form: Any) -> None:
    """Say that a network was stored under the address that it begins with, where another one was typed."""
    typed = str(form.data.get(form.add_prefix("subnet"), "")).strip()
    if "subnet" in form.changed_data and typed and typed != str(form.instance.subnet):
        text = _("You typed %(typed)s; the network that it lies in was saved: %(network)s.")
        page.message_user(request, text % {"typed": typed, "network": form.instance.subnet}, messages.WARNING)


class SubnetForm(forms.ModelForm):
    """Keeps what is in use inside of the network."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.instance._state.adding:
            if cleaned.get("subnet"):
                protection.check_network(self.instance, cleaned["subnet"])
            if "organization" in cleaned:
                protection.check_organization(self.instance, getattr(cleaned["organization"], "pk", None))
        return cleaned


admin.site.unregister(Subnet)
admin.site.unregister(IpAddress)


@admin.register(Subnet)
class SubnetAdmin(importing.OrganizationChecked, _GeneratedAdmin, BaseSubnetAdmin):
    form = SubnetForm
    inlines = (RuleInline,)
    list_display = (*(name for name in BaseSubnetAdmin.list_display if name not in ("created", "modified")),
                    "related_device", "created", "modified")  # fmt: skip
    list_filter = (*BaseSubnetAdmin.list_filter, RuleTypeFilter, VpnFilter, DeviceFilter)
    readonly_fields = (*BaseSubnetAdmin.readonly_fields, "related_device")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subnet]:
        return generated.with_device(super().get_queryset(request))

    def save_model(self, request: HttpRequest, obj: Subnet, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        _tell_network(self, request, form)

    @admin.display(description=_("related device"))
    def related_device(self, subnet: Subnet) -> str:
        """Lead to the device that a subnet was generated for, or to all those that have a part of it."""
        name = getattr(subnet, "device_name", None)
        if name is None and (subnet.master_subnet_id is not None or subnet._state.adding):
            return "-"
        address = f"{reverse('admin:config_device_changelist')}?{urlencode({'subnet': subnet.subnet})}"
        return format_html('<a href="{}">{}</a>', address, name or _("See all devices"))

    def import_view(self, request: Any) -> Any:
        """Import a subnet with its addresses from a file."""
        try:
            return importing.all_or_nothing(
                lambda: super(SubnetAdmin, self).import_view(request),
                failed=lambda answer: request.method == "POST" and answer.status_code == 200,
            )
        except importing.Unreadable as error:
            messages.error(request, str(error))
            return redirect(request.path)


@admin.register(IpAddress)
class IpAddressAdmin(_GeneratedAdmin, BaseIpAddressAdmin):
    """Addresses; those that were generated cannot be edited."""


extend_device_page(DevicePageExtension(list_filter=(SubnetOfDeviceFilter,)))
