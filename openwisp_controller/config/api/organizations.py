"""What organizations decide about their devices: settings and limits."""

from __future__ import annotations

from typing import Any

from openwisp_users.models import Organization
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from ...common.rest.serializers import MaskedSecrets, ValidatedSerializer
from ...common.rest.views import Editing, Protected
from ..models import Device, OrganizationConfigSettings, OrganizationLimits
from ..unit_of_work import unit_of_work
from ..whois.service import WHOISService


class OrganizationSettingsSerializer(MaskedSecrets, ValidatedSerializer):
    """Enrolment and variables of an organization; with WHOIS configured, also whether it is on there."""

    secrets = ("shared_secret",)
    context = serializers.JSONField(required=False, initial=dict)

    class Meta:
        model = OrganizationConfigSettings
        fields = ("organization", "registration_enabled", "shared_secret", "context", "whois_enabled")
        read_only_fields = ("organization",)
        extra_kwargs = {"shared_secret": {"required": False}, "registration_enabled": {"required": False}}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not WHOISService.is_configured():
            self.fields.pop("whois_enabled")


class OrganizationLimitsSerializer(ValidatedSerializer):
    """How many devices an organization may have: 0 = as many as it likes, null = no further ones."""

    devices = serializers.SerializerMethodField(help_text="How many devices it has.")

    class Meta:
        model = OrganizationLimits
        fields = ("organization", "device_limit", "devices")
        read_only_fields = ("organization",)
        extra_kwargs = {"device_limit": {"required": True}}

    def get_devices(self, limits: OrganizationLimits) -> int:
        return Device.objects.filter(organization=limits.organization_id).count()


class OfOrganization(Protected, Editing):
    """The one object of its kind that belongs to the organization in the address; made with the first write."""

    http_method_names: Any = ("get", "head", "options", "put", "patch")
    together = staticmethod(unit_of_work)
    organization_field = "organization"

    def get_object(self) -> Any:
        user: Any = self.request.user
        organizations = Organization.objects.all()
        if not user.is_superuser:
            organizations = organizations.filter(pk__in=user.organizations_managed)
        organization = organizations.filter(pk=self.kwargs["pk"]).first()
        if organization is None:
            raise NotFound
        found = self.get_queryset().filter(organization=organization).first()
        instance = found if found is not None else self.get_queryset().model(organization=organization)
        self.check_object_permissions(self.request, instance)
        return instance


class OrganizationSettingsView(OfOrganization):
    """Shows and edits enrolment and variables of an organization; its devices follow."""

    queryset = OrganizationConfigSettings.objects.all()
    serializer_class = OrganizationSettingsSerializer

    def get_object(self) -> Any:
        """Without settings nobody can enrol, and there is no secret."""
        settings = super().get_object()
        if settings._state.adding and self.request.method in SAFE_METHODS:
            settings.registration_enabled, settings.shared_secret = False, ""
        return settings


class OrganizationLimitsView(OfOrganization):
    """Shows and, to superusers, edits how many devices an organization may have."""

    queryset = OrganizationLimits.objects.all()
    serializer_class = OrganizationLimitsSerializer
    permission_model = Device

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        if request.method not in SAFE_METHODS and not request.user.is_superuser:
            raise PermissionDenied
