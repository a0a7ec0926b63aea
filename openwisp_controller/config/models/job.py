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
        RECHECK = "recheck"

    class Phase(models.TextChoices):
        """What a job does next. One that does not recheck ends after ``RUN``."""

        RUN = "run"
        """The devices that the change saw."""
        WAIT = "wait"
        """Wait for the transactions that were writing devices when the job was written."""
        RECHECK = "recheck"
        """The devices that came since the job was written, unseen by the change."""

    kind = models.CharField(max_length=32)
    subject = models.UUIDField()
    arguments = models.JSONField(default=dict)
    """What the step of this kind needs to know."""
    phase = models.CharField(max_length=8, choices=Phase, default=Phase.RUN)
    since = models.CharField(max_length=20, null=True)
    """The oldest transaction that was open when the job was written; None = nothing is to be rechecked."""
    writers = models.JSONField(null=True)
    """The transactions that the job waits for; None = they were not looked up yet."""
    author = models.UUIDField(null=True)
    """Primary key of the person who made the change, if a person did."""
    cursor = models.UUIDField(null=True)
    created = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        ordering = ("id",)
