"""Background work that must survive a lost message or a killed worker."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Job(models.Model):
    """One piece of work over many devices: written with the change that causes it, deleted when it is done.

    ``cursor`` is the key of the last device done; it moves in the same transaction as the devices.
    """

    class Kind(models.TextChoices):
        GROUP_TEMPLATES = "group_templates"
        AUTOMATIC_TEMPLATE = "automatic_template"
        VPN_TEMPLATE = "vpn_template"
        STRAGGLERS = "stragglers"

    kind = models.CharField(max_length=32, choices=Kind)
    subject = models.UUIDField()
    arguments = models.JSONField(default=dict)
    cursor = models.UUIDField(null=True)
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        ordering = ("id",)
