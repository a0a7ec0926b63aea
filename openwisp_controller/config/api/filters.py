"""Filters of the lists of the REST interface."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from openwisp_ipam.models import Subnet
from rest_framework.exceptions import ValidationError

from ...common.rest.filters import BooleanFilter, CreatedFilterSet, ManagedFilter, OrganizationFilterSet
from ..models import Config, Device, DeviceGroup, Template, Vpn
from ..models.base import backend_choices
from ..models.vpn import backend_choices as vpn_backend_choices
from .whois import with_brief_whois

_MAC_LENGTH = len("00:00:00:00:00:00")


class DeviceListFilter(CreatedFilterSet):
    name = filters.CharFilter(lookup_expr="icontains")
    mac_address = filters.CharFilter(method="having_mac_address")
    config__status = filters.ChoiceFilter(field_name="config__status", choices=Config.Status.choices)
    config__backend = filters.ChoiceFilter(field_name="config__backend", choices=backend_choices)
    config__templates = filters.CharFilter(field_name="config__templates", method="having_template")
    group = ManagedFilter(DeviceGroup.objects.all())
    whois_info = BooleanFilter(
        method="showing_whois",
        help_text="Show provider and country of `last_ip` as `whois_info`, where WHOIS is on in the organization.",
    )

    class Meta:
        model = Device
        fields: ClassVar[list[str]] = []

    def having_mac_address(self, devices: QuerySet[Device], name: str, value: str) -> QuerySet[Device]:
        """Return the devices with this in their MAC address; a whole one is looked up, for it stands there alone."""
        if len(value) == _MAC_LENGTH:
            return devices.filter(mac_address__in={value, value.upper(), value.lower()})
        return devices.filter(mac_address__icontains=value)

    def having_template(self, devices: QuerySet[Device], name: str, value: Any) -> QuerySet[Device]:
        """Return the devices whose configuration has a template, given by key."""
        try:
            value = uuid.UUID(value)
        except ValueError:
            raise ValidationError({name: "Invalid UUID format"}) from None
        return devices.filter(pk__in=Config.objects.filter(templates=value).values("device"))

    def showing_whois(self, devices: QuerySet[Device], name: str, value: bool) -> QuerySet[Device]:
        """Return the same devices; what is known about their addresses comes with them, if that is wanted."""
        return with_brief_whois(devices) if value else devices


def extend_device_list(filters_by_name: dict[str, filters.Filter]) -> None:
    """Add filters of another app to the list of devices; called once, when that app starts.

    Raises:
        ValueError: there is one of that name.
    """
    for name, added in filters_by_name.items():
        if name in DeviceListFilter.base_filters:
            raise ValueError(f"The list of devices has a filter called {name!r}.")
        DeviceListFilter.base_filters[name] = added


class TemplateListFilter(CreatedFilterSet):
    backend = filters.ChoiceFilter(choices=backend_choices)
    type = filters.ChoiceFilter(choices=Template.Type.choices)
    default = BooleanFilter()
    required = BooleanFilter()
    vpn = ManagedFilter(Vpn.objects.all(), shared=True)
    tag = filters.CharFilter(field_name="tags__name")

    class Meta:
        model = Template
        fields: ClassVar[list[str]] = []


class VpnListFilter(OrganizationFilterSet):
    backend = filters.ChoiceFilter(choices=vpn_backend_choices)
    subnet = ManagedFilter(Subnet.objects.all(), shared=True)

    class Meta:
        model = Vpn
        fields: ClassVar[list[str]] = []


class DeviceGroupListFilter(OrganizationFilterSet):
    empty = BooleanFilter(field_name="device", lookup_expr="isnull", distinct=True)

    class Meta:
        model = DeviceGroup
        fields: ClassVar[list[str]] = []
