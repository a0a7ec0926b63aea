"""Files with devices that people import."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from openwisp_utils.base import TimeStampedEditableModel

from ...common.encryption import EncryptedJSONField
from ...common.pickling import SecretsNotPickled


class DeviceImport(SecretsNotPickled, TimeStampedEditableModel):
    """One file: it is checked, confirmed by the person who sent it, and then imported, all of it or nothing."""

    class State(models.TextChoices):
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("checked")
        IMPORTING = "importing", _("being imported")
        DONE = "done", _("imported")
        FAILED = "failed", _("not imported")

    id: models.UUIDField[Any, Any] = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, related_name="+", on_delete=models.CASCADE)
    file_name = models.CharField(max_length=255)
    resource = models.CharField(max_length=255)
    """Path of the class that knows what the columns mean."""
    table: models.Field[Any, Any] = EncryptedJSONField(default=dict)
    """Names of columns and rows; emptied when they are not needed any more, for they hold keys of devices."""
    total = models.PositiveIntegerField(default=0)
    """Rows of the file."""
    state = models.CharField(max_length=16, choices=State, default=State.CHECKING)
    report = models.JSONField(default=dict)
    """What was found or done; see ``imports.Report``."""
    leased_until = models.DateTimeField(null=True)
    """Until then a worker is busy checking it."""

    secret_fields = ("table",)

    class Meta:
        default_permissions = ()
        ordering = ("-created",)
        indexes = (models.Index(fields=["state"], name="config_import_state"),)

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_busy(self) -> bool:
        """Whether something is still to be done about it by the controller."""
        return self.state in (self.State.CHECKING, self.State.IMPORTING)
