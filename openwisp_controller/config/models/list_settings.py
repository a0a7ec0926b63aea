"""How somebody wants to see a list of the administration."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models


class ListSettings(models.Model):
    """Columns that a person hides, and filters that they named. Nobody else sees them."""

    user: models.ForeignKey[Any, Any] = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    model = models.CharField(max_length=100)
    """What is listed, such as ``config.device``."""
    hidden = models.JSONField(default=list)
    """Names of columns."""
    filters = models.JSONField(default=list)
    """Pairs: name, query of the address; in the order in which they were saved."""

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=["user", "model"], name="config_list_settings_of_user"),)
