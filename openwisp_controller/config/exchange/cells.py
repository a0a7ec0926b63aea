"""Values of single cells: text that stays the same through a file and back, whatever program opens it in between."""

from __future__ import annotations

import json
import re
import uuid
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from django.utils.translation import gettext as _

#: What a spreadsheet would take for a formula, with the apostrophes that escape it.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_LONGEST_SHOWN = 60


def escaped(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula: such a text gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def unescaped(text: str) -> str:
    """Return the text that ``escaped`` made a cell of."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def text_of(value: Any) -> str:
    """Return a cell as text, whatever kind of value the format of the file has for it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, date) else str(value)


def shortened(text: str) -> str:
    """Return a text as messages quote it."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def key(text: str) -> uuid.UUID:
    """Return the UUID that a cell holds; raise ``ValidationError`` for anything else."""
    try:
        return uuid.UUID(text.strip())
    except ValueError:
        raise ValidationError(_("“%s” is not a UUID.") % shortened(text)) from None


def keys(text: str) -> list[uuid.UUID]:
    """Return the UUIDs of a cell in their order, without repetitions; they are separated by commas or spaces."""
    return list(dict.fromkeys(key(each) for each in re.split(r"[,;\s]+", text.strip()) if each))


def json_object(text: str) -> dict[str, Any]:
    """Return the JSON object that a cell holds; an empty one where it is blank. Raise ``ValidationError`` otherwise."""
    if not text.strip():
        return {}
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ValidationError(_("This is not valid JSON: %s") % error) from None
    if not isinstance(value, dict):
        raise ValidationError(_('This must be a JSON object, such as {"ssid": "office"}.'))
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def moment(text: str) -> datetime:
    """Return the date and time that a cell holds; raise ``ValidationError`` for anything else."""
    try:
        found = parse_datetime(text.strip())
    except ValueError:
        found = None
    if found is None:
        raise ValidationError(_("“%s” is no date and time such as 2026-05-31 14:30:00+00:00.") % shortened(text))
    return make_aware(found) if is_naive(found) else found
