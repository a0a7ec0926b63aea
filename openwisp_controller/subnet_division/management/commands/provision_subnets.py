"""Give devices the subnets that they lack, for example after an exhausted subnet got space again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ...changes import provision_all


class Command(BaseCommand):
    help = "Look at all subnet division rules again: devices that lack subnets or addresses get them."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{provision_all()} rules will be looked at in the background.")
