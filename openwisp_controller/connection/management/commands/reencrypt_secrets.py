"""Encrypts stored secrets with the current key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ....common.encryption import keyring, models_with_secrets, reencrypt, reencrypt_versions


class Command(BaseCommand):
    help = "Encrypt all secrets with the first of the configured keys, so that the others can be dropped."

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(models_with_secrets())
        results = [reencrypt(model) for model in found] + [reencrypt_versions(model) for model in found]
        count, unreadable = (sum(numbers) for numbers in zip(*results, strict=True))
        self.stdout.write(f"{count} secrets were encrypted again, all with the key {keyring().current} now.")
        if unreadable:
            raise CommandError(f"{unreadable} secrets cannot be read: their key is not among the configured ones.")
