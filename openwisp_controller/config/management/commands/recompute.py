"""Compile every configuration again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from openwisp_controller.config import maintenance


class Command(BaseCommand):
    help = "Compile the configurations of all active devices again; those whose result differs are announced as usual."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--wait", action="store_true", help="compile here and now instead of waking a worker")

    def handle(self, *args: Any, **options: Any) -> None:
        marked = maintenance.recompute()
        self.stdout.write(f"{marked} configurations are marked for compiling.")
        if options["wait"]:
            self.stdout.write(f"{maintenance.compile_stale()} configurations were compiled.")
