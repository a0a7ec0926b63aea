"""Pushes: devices that are still to be told that there is something to fetch."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ...config.models import Device


class Push(models.Model):
    """One row per device that has to be told; it goes when it was told of the latest change, or after many attempts.

    A change that comes while a device is being told raises ``requested``, so one more run follows.
    """

    device = models.OneToOneField(Device, related_name="push", primary_key=True, on_delete=models.CASCADE)
    requested = models.PositiveBigIntegerField(default=1)
    """Number of the latest change."""
    since = models.DateTimeField(default=timezone.now)
    due = models.DateTimeField(_("next attempt"), default=timezone.now, db_index=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    reason = models.TextField(_("reason of the last failure"), blank=True)
    claim = models.UUIDField(null=True)
    """Who is telling the device."""
    claimed_until = models.DateTimeField(null=True)
    """When that process counts as dead unless it is heard of."""

    class Meta:
        default_permissions = ()
