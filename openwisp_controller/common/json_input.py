"""JSON that people and programs send: what cannot be stored or shown again is refused with a reason."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError as FormError
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser

INCOMPLETE = _("Incomplete characters (surrogates) are not allowed.")
TOO_DEEP = _("The JSON is nested too deeply.")
TOO_LONG = _("A number in the JSON has too many digits.")


def is_complete(value: Any) -> bool:
    """Tell whether all texts in a value can be encoded: half characters can not."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


class StrictJSONParser(JSONParser):
    """Refuses half characters, naming the field, and endless nesting."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            data = super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError(TOO_DEEP) from None
        if is_complete(data):
            return data
        fields = [name for name in data if not is_complete(data[name])] if isinstance(data, dict) else []
        if not fields or not is_complete(fields):
            raise ParseError(INCOMPLETE)
        raise ValidationError({name: [INCOMPLETE] for name in fields})


PARSERS = (StrictJSONParser, FormParser, MultiPartParser)
"""Of our views."""


class JSONFormField(forms.JSONField):
    """A form field that survives whatever is typed into it."""

    def to_python(self, value: Any) -> Any:
        try:
            value = super().to_python(value)
            complete = is_complete(value)
        except RecursionError:
            raise FormError(TOO_DEEP, code="invalid") from None
        except ValueError:  # of int(), for thousands of digits
            raise FormError(TOO_LONG, code="invalid") from None
        if not complete:
            raise FormError(INCOMPLETE, code="invalid")
        return value

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Show again as it was typed what cannot be shown in another way."""
        try:
            value = super().bound_data(data, initial)
        except (RecursionError, ValueError):
            return InvalidJSONInput(data)
        return value if isinstance(value, InvalidJSONInput) or is_complete(value) else InvalidJSONInput(data)
