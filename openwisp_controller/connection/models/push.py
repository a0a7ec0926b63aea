"""Pushes: devices that are still to be made to fetch their configuration."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ...config.models import Device


class Push(models.Model):
    """One row per device; it is deleted once the device was told of the latest change, or after the last attempt.

    A change during a push raises ``requested``, so another push follows.
    """

    device = models.OneToOneField(Device, related_name="push", primary_key=True, on_delete=models.CASCADE)
    requested = models.PositiveBigIntegerField(default=1)
    """Number of the latest change."""
    since = models.DateTimeField(default=timezone.now)
    due = models.DateTimeField(_("next attempt"), default=timezone.now, db_index=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    reason = models.TextField(_("reason of the last failure"), blank=True)
    claim = models.UUIDField(null=True)
    """Which process connects to the device."""
    claimed_until = models.DateTimeField(null=True)
    """When that process counts as dead unless it renews its claim."""

    class Meta:
        default_permissions = ()


class PushCount(models.Model):
    """How many attempts to tell devices of changes ended in which way, since the beginning."""

    class Outcome(models.TextChoices):
        TOLD = "told"
        """The device was told, and nothing is left to be told."""
        AGAIN = "again"
        """It is told again: it changed meanwhile, or was busy."""
        RETRIED = "retried"
        """It could not be told, and is tried again."""
        GIVEN_UP = "given-up"
        """It could not be told, for the last time."""

    outcome = models.CharField(max_length=8, choices=Outcome, primary_key=True)
    number = models.PositiveBigIntegerField(default=0)

    class Meta:
        default_permissions = ()
