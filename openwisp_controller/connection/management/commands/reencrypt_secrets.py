"""Encrypts stored secrets with the current key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ... import models
from ...encryption import keyring, reencrypt

_MODELS = (models.Credentials, models.DeviceConnection, models.Command, models.BatchCommand)


class Command(BaseCommand):
    help = "Encrypt all secrets with the first of the configured keys, so that the others can be dropped."

    def handle(self, *args: Any, **options: Any) -> None:
        count = sum(reencrypt(model) for model in _MODELS)
        self.stdout.write(f"{count} secrets were encrypted again, all with the key {keyring().current} now.")
