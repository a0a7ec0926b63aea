"""What an organization decides about its devices."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from openwisp_users.models import Organization
from openwisp_utils.base import UUIDModel
from openwisp_utils.fields import KeyField

from ...common.fields import SwitchField
from ..settings import settings
from .base import check_json
from .observed import Observed


class OrganizationConfigSettings(Observed, UUIDModel):
    """Enrolment and variables of one organization. Without this row its devices cannot enrol themselves."""

    organization = models.OneToOneField(
        Organization, verbose_name=_("organization"), related_name="config_settings", on_delete=models.CASCADE
    )
    registration_enabled = models.BooleanField(
        _("auto-registration enabled"),
        default=True,
        help_text=_("Whether devices of this organization may enrol themselves."),
    )
    shared_secret = KeyField(
        max_length=32,
        verbose_name=_("shared secret"),
        unique=True,
        validators=[],  # the field brings its own
        help_text=_("Used by devices of this organization to enrol themselves."),
    )
    context = models.JSONField(
        _("Configuration Variables"),
        default=dict,
        blank=True,
        help_text=_("Variables available in the configurations of all devices of this organization."),
    )
    whois_enabled = SwitchField(
        _("WHOIS enabled"),
        follows=lambda: settings.WHOIS_ENABLED,
        help_text=_("Whether the public addresses of its devices are sent to the WHOIS service and looked up there."),
    )

    secret_fields = ("shared_secret", "context")
    observed_fields = ("context",)

    class Meta:
        verbose_name = _("Configuration management settings")
        verbose_name_plural = verbose_name

    def __str__(self) -> str:
        return str(self.organization)

    def clean(self) -> None:
        super().clean()
        check_json("context", self.context)
        if self.whois_enabled and not settings.is_whois_configured and self._is_newly_enabled():
            raise ValidationError(
                {
                    "whois_enabled": _(
                        "WHOIS_GEOIP_ACCOUNT and WHOIS_GEOIP_KEY must be set before enabling WHOIS feature."
                    )
                }
            )

    def _is_newly_enabled(self) -> bool:
        return self._state.adding or bool(self.differing("whois_enabled"))

    def normalise(self) -> None:
        self._replace_empty(dict, "context")


class OrganizationLimits(models.Model):
    """How many devices an organization may have: 0 = as many as it likes, empty = no further ones."""

    organization = models.OneToOneField(
        Organization,
        verbose_name=_("organization"),
        related_name="config_limits",
        primary_key=True,
        on_delete=models.CASCADE,
    )
    device_limit = models.BigIntegerField(
        _("device limit"),
        default=0,
        null=True,
        blank=True,
        help_text=_("Maximum number of devices: 0 = unlimited, empty = no new devices."),
    )

    class Meta:
        verbose_name = _("controller limits")
        verbose_name_plural = verbose_name

    def __str__(self) -> str:
        return f"{self.organization}: {self.device_limit}"

    def clean(self) -> None:
        super().clean()
        if self.device_limit is not None and self.device_limit < 0:
            raise ValidationError({"device_limit": _("Ensure this value is greater than or equal to 0.")})
        if self._state.adding or not self.device_limit:
            return
        if self.organization.device_set.count() > self.device_limit:
            raise ValidationError(
                {
                    "device_limit": _(
                        "The specified limit is lower than the amount of devices currently held by this organization."
                        " Please remove some devices or consider increasing the device limit."
                    )
                }
            )

    def allows_another(self, organization_devices: int) -> bool:
        """Tell whether one more device fits besides ``organization_devices`` existing ones."""
        if self.device_limit is None:
            return False
        return self.device_limit == 0 or organization_devices < self.device_limit


def create_limits(sender: Any, instance: Organization, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """Give every new organization its row of limits."""
    if created and not raw:
        OrganizationLimits.objects.get_or_create(organization=instance)
