"""Forget where devices were last seen, so that their addresses are looked up."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from openwisp_controller.config.whois import records
from openwisp_controller.config.whois.service import WHOISService


class Command(BaseCommand):
    help = (
        "Clear the last address of active devices about which nothing is known, so that the next request of each has"
        " it looked up."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--noinput", "--no-input", action="store_false", dest="interactive", help="do not ask for confirmation"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not WHOISService.is_configured():
            raise CommandError(
                "WHOIS lookup is not configured. Set OPENWISP_CONTROLLER_WHOIS_GEOIP_ACCOUNT and"
                " OPENWISP_CONTROLLER_WHOIS_GEOIP_KEY."
            )
        if options["interactive"] and not self._is_confirmed():
            raise CommandError("Operation cancelled by user.")
        count = records.forget_unknown_addresses()
        if count:
            self.stdout.write(f"Cleared the last IP addresses for {count} active device(s).")
        else:
            self.stdout.write("No active devices with last IP to clear.")

    def _is_confirmed(self) -> bool:
        self.stdout.write(
            "This clears the last IP address of all active devices, in all organizations, about whose addresses nothing"
            " is known. It is set again by the next request of each device."
        )
        return input("Type 'yes' to continue: ").strip() == "yes"
