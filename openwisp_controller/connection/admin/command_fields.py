"""What the scripts need to make fields of the schema of a command."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from .. import commands


def schemas_of(choices: Iterable[tuple[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return label and schema of commands by name.

    Args:
        choices: names and labels.
    """
    return {name: {"label": str(label), "schema": commands.get_command_schema(name)} for name, label in choices}


def texts() -> dict[str, str]:
    """Return the texts of fields; ``{}`` stands for a number."""
    return {
        "correct": _("The command was not sent: something is wrong with it."),
        "required": _("This field is required."),
        "minLength": _("At least {} characters."),
        "maxLength": _("At most {} characters."),
        "pattern": _("This is not written as it should be."),
        "minimum": _("At least {}."),
        "maximum": _("At most {}."),
        "number": _("This has to be a number."),
        "json": _("This has to be JSON."),
        "none": _("This command takes no input."),
        "choose": _("Choose the type of command first."),
    }
