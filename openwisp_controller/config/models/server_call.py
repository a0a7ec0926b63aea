"""Calls to VPN servers that are still to be made."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone

from ...common.encryption import EncryptedJSONField
from ...common.pickling import SecretsNotPickled


class ServerCall(SecretsNotPickled):
    """One call, written with the change that causes it and deleted when it was answered.

    What is to be told is read when the call is made, so several changes may share one. Calls about a server that is
    deleted carry what they need in ``arguments``.
    """

    secret_fields = ("arguments",)

    class Kind(models.TextChoices):
        WEBHOOK = "webhook"
        CREATE = "create"
        UPDATE = "update"
        JOIN = "network_join"
        UPDATE_MEMBER = "update_member"
        REMOVE_MEMBER = "remove_member"
        DELETE = "delete"
        LEAVE = "leave"

    kind = models.CharField(max_length=16, choices=Kind)
    vpn_id = models.UUIDField()
    subject = models.CharField(max_length=64, blank=True)
    """What of the server the call is about, such as a member of its network."""
    arguments: Any = EncryptedJSONField(default=dict)
    due = models.DateTimeField(default=timezone.now, db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["vpn_id", "kind", "subject"], name="config_one_call")]
