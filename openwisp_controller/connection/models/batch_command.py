"""Mass commands: the same command for many devices."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from openwisp_users.mixins import ShareableOrgMixin
from openwisp_utils.base import TimeStampedEditableModel

from ...common.encryption import EncryptedJSONField
from ...common.pickling import SecretsNotPickled
from ...config.models import Device, DeviceGroup
from .. import commands, locations
from .command_input import check_input


class BatchCommand(SecretsNotPickled, ShareableOrgMixin, TimeStampedEditableModel):
    """One command for all devices of an organization, of a group, at a location, or for a list of them."""

    secret_fields = ("input",)

    class Status(models.TextChoices):
        IDLE = "idle", _("idle")
        IN_PROGRESS = "in-progress", _("in progress")
        SUCCESS = "success", _("success")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.IDLE, db_index=True)
    type = models.CharField(_("type"), max_length=16, choices=commands.get_command_choices)
    input: Any = EncryptedJSONField(_("input"), null=True, blank=True)
    group = models.ForeignKey(DeviceGroup, verbose_name=_("group"), null=True, blank=True, on_delete=models.SET_NULL)
    location = models.UUIDField(_("location"), null=True, blank=True)
    """Key of a location, which is no relation because maps may be absent; see ``place``."""
    label = models.CharField(_("label"), max_length=64)
    notes = models.TextField(_("notes"), blank=True)
    devices = models.ManyToManyField(Device, verbose_name=_("devices"), blank=True, related_name="batch_commands")
    skipped_devices = models.JSONField(_("skipped devices"), default=dict, blank=True, editable=False)
    """Primary key of a device → why it was left out, a list of texts."""
    stop_after_failures = models.PositiveIntegerField(
        _("stop after failures"),
        null=True,
        blank=True,
        help_text=_("Start no further commands once so many have failed; empty = go on to the end."),
    )
    cursor = models.UUIDField(null=True, editable=False)
    """The last device for which a command was created."""

    class Meta:
        verbose_name = _("Mass command")
        verbose_name_plural = _("Mass commands")
        ordering = ("-created",)

    def __str__(self) -> str:
        return self.label

    @property
    def input_text(self) -> str:
        """The input as people may see it."""
        return commands.as_text(self.type, self.input)

    @property
    def place(self) -> Any:
        """The location that the devices are at; None where none was chosen, or it is gone."""
        return locations.find(self.location)

    def clean(self) -> None:
        super().clean()
        place = self.place
        if self.location is not None and place is None:
            raise ValidationError({"location": _("There is no such location.")})
        for narrower in (self.group, place):
            if narrower is not None and self.organization_id is None:
                self.organization_id = narrower.organization_id
        self._validate_org_relation("group", field_error="group")
        self._validate_org_relation("place", field_error="location")
        if self._state.adding and self.type:
            if not self._is_allowed():
                text = _('"{type}" command is not available for this organization')
                raise ValidationError({"type": text.format(type=self.type)})
            check_input(self.type, self.input)

    def _is_allowed(self) -> bool:
        """Of the whole system, each device's organization decides for the device."""
        if self.organization_id is None:
            return commands.is_allowed_somewhere(self.type)
        return commands.is_allowed(self.type, self.organization_id)

    def counts(self) -> dict[str, Any]:
        """Return how many commands there are, by outcome, and how many devices were skipped."""
        amount = models.Count("pk")
        found = dict(self.batch_commands.order_by().values_list("status").annotate(amount=amount))
        return {
            "total": sum(found.values()),
            "successful": found.get("success", 0),
            "failed": found.get("failed", 0),
            "skipped": len(self.skipped_devices),
        }
