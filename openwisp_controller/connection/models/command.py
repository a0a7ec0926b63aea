"""Commands: what was sent to a device, and its output."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from openwisp_utils.base import TimeStampedEditableModel

from ...common.encryption import EncryptedJSONField
from ...common.pickling import SecretsNotPickled
from ...common.wakeup import wake
from ...config.models import Device
from .. import commands
from .batch_command import BatchCommand
from .command_input import check_input
from .connection import DeviceConnection
from .interface import CommandInterface

DEACTIVATED = _("Device is deactivated.")
NO_CREDENTIALS = _("Device has no credentials assigned.")
_SHOWN = 32
"""Characters of a command that stand for it."""


class Command(CommandInterface, SecretsNotPickled, TimeStampedEditableModel):
    """One command for one device. It is run at most once: an interrupted command fails and is not repeated."""

    secret_fields = ("input", "output")

    class Status(models.TextChoices):
        IN_PROGRESS = "in-progress", _("in progress")
        SUCCESS = "success", _("success")
        FAILED = "failed", _("failed")

    device = models.ForeignKey(Device, verbose_name=_("device"), on_delete=models.CASCADE)
    connection = models.ForeignKey(
        DeviceConnection, verbose_name=_("connection"), null=True, blank=True, on_delete=models.SET_NULL
    )
    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.IN_PROGRESS, db_index=True)
    type = models.CharField(_("type"), max_length=16, choices=commands.get_command_choices)
    input: Any = EncryptedJSONField(_("input"), null=True, blank=True)
    output = models.TextField(_("output"), blank=True)
    batch_command = models.ForeignKey(
        BatchCommand, verbose_name=_("mass command"), null=True, blank=True, editable=False,
        related_name="batch_commands", on_delete=models.SET_NULL,
    )  # fmt: skip
    claim = models.UUIDField(null=True, editable=False)
    """Which process runs it."""
    claimed_until = models.DateTimeField(null=True, editable=False)
    """When that process counts as dead unless it renews its claim."""
    started = models.DateTimeField(null=True, editable=False)
    """Since when the device may have received it."""

    class Meta:
        verbose_name = _("Command")
        verbose_name_plural = _("Commands")
        ordering = ("created",)
        indexes = [
            models.Index(fields=["created"], condition=models.Q(status="in-progress"), name="command_unfinished")
        ]

    def __str__(self) -> str:
        text = self.input_text if self.type == "custom" else commands.label(self.type)
        sent = timezone.localtime(self.created)
        return _("«{command}» sent on {date} at {time}").format(
            command=text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…",
            date=sent.strftime("%d %b %Y"),
            time=sent.strftime("%I:%M %p"),
        )

    @property
    def input_text(self) -> str:
        """The input as people may see it."""
        return commands.as_text(self.type, self.input)

    @property
    def is_custom(self) -> bool:
        """Whether the input is the shell command itself."""
        return self.type == "custom"

    @property
    def custom_command(self) -> str:
        """The shell command of a custom command; empty for others."""
        return str(self.input["command"]) if self.is_custom and self.input else ""

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The values of the input, in their order, as built-in commands take them."""
        return tuple(self.input.values()) if isinstance(self.input, dict) else ()

    @property
    def input_data(self) -> str:
        """The input as people may see it; same as ``input_text``."""
        return self.input_text

    @property
    def type_label(self) -> str:
        return commands.label(self.type)

    @property
    def is_finished(self) -> bool:
        return self.status != self.Status.IN_PROGRESS

    def clean(self) -> None:
        super().clean()
        if not self._state.adding or self.device_id is None:
            return
        if self.device.is_fully_deactivated():
            raise ValidationError({"device": DEACTIVATED})
        if not commands.is_allowed(self.type, self.device.organization_id):
            text = _('"{type}" command is not available for this organization')
            raise ValidationError({"input": text.format(type=self.type)})
        if not self.device.deviceconnection_set.exists():
            raise ValidationError({"device": NO_CREDENTIALS})
        if self.connection is not None and self.connection.device_id != self.device_id:
            raise ValidationError({"connection": _("This connection belongs to another device.")})
        check_input(self.type, self.input)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store. A new command is checked first and run after the commit.

        Raises:
            ValidationError: keyed by field.
        """
        created = self._state.adding
        if created:
            self.full_clean()
        super().save(*args, **kwargs)
        if created:
            wake("connection.launch_command", str(self.pk))
