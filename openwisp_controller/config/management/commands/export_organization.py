"""Write an organization to a file."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from openwisp_users.models import Organization

from openwisp_controller.config import organization_files


class Command(BaseCommand):
    help = "Write the templates, groups, variables and VPN servers of an organization to a file, without secrets."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="slug of the organization")
        parser.add_argument("--output", metavar="FILE", help="a new file; by default it is printed")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.filter(slug=options["slug"]).first()
        if organization is None:
            known = ", ".join(Organization.objects.values_list("slug", flat=True)[:20])
            raise CommandError(f"There is no organization {options['slug']!r}; there are: {known}.")
        text = json.dumps(organization_files.export(organization), indent=2, ensure_ascii=False) + "\n"
        if not options["output"]:
            self.stdout.write(text, ending="")
            return
        try:
            # variables may be secret
            file = os.open(Path(options["output"]), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{options['output']} cannot be written: {error.strerror}.") from None
        with os.fdopen(file, "w", encoding="utf-8") as stream:
            stream.write(text)
        print(f"{organization.name} was written to {options['output']}.", file=sys.stderr)
