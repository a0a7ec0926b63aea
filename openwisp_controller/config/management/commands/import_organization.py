"""Create what the file of an organization holds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from openwisp_users.models import Organization

from openwisp_controller.config import organization_files


class Command(BaseCommand):
    help = "Create an organization with its templates, groups, variables and VPN servers from a file, or nothing of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="as export_organization writes it; - = standard input")
        parser.add_argument("--into", metavar="SLUG", help="add it to this organization instead of creating one")
        parser.add_argument("--dry-run", action="store_true", help="tell what would be created, and store nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        into = None
        if options["into"]:
            into = Organization.objects.filter(slug=options["into"]).first()
            if into is None:
                raise CommandError(f"There is no organization {options['into']!r}.")
        try:
            document = organization_files.parse(_text(options["file"]))
            run = organization_files.plan if options["dry_run"] else organization_files.load
            plan = run(document, into=into)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        if plan.problems:
            lines = [f"  {kind} {name!r}: {problem}" for kind, name, problem in plan.problems]
            raise CommandError("\n".join(["Nothing was imported:", *lines]))
        for kind, name in plan.created:
            self.stdout.write(f"{kind} {name!r}")
        for kind, name in plan.renumbered:
            self.stdout.write(f"{kind} {name!r} gets another identifier: its own is taken here")
        verb = "would be created" if options["dry_run"] else "were created"
        self.stdout.write(f"{len(plan.created)} objects {verb} in {plan.organization}.")


def _text(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from None
