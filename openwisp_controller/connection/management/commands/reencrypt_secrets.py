"""Encrypts stored secrets with the current key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ... import models
from ...encryption import keyring, reencrypt

_MODELS = (models.Credentials, models.DeviceConnection, models.Command, models.BatchCommand)


class Command(BaseCommand):
    help = "Encrypt all secrets with the first of the configured keys, so that the others can be dropped."

    def handle(self, *args: Any, **options: Any) -> None:
        results = [reencrypt(model) for model in _MODELS]
        count, unreadable = (sum(numbers) for numbers in zip(*results, strict=True))
        self.stdout.write(f"{count} secrets were encrypted again, all with the key {keyring().current} now.")
        if unreadable:
            raise CommandError(f"{unreadable} secrets cannot be read: their key is not among the configured ones.")
