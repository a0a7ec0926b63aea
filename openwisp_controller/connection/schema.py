"""JSON schema validation with the error texts that users know."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError, best_match

_SECRET = ("password", "confirm_password", "key", "community")
_MASK = "********"


def validate(value: Any, schema: dict[str, Any]) -> None:
    """Raise ``jsonschema.ValidationError``, the most telling one, unless ``value`` suits ``schema`` (draft 4).

    Where several shapes are offered, the one is meant whose required properties are there.
    """
    error = best_match(Draft4Validator(schema).iter_errors(value))
    if error is None:
        return
    shapes = schema.get("oneOf", ())
    meant = [shape for shape in shapes if isinstance(value, dict) and set(shape.get("required", ())) <= set(value)]
    if meant:
        validate(value, meant[0])
    if shapes and not isinstance(value, dict):
        raise ValidationError(f"{value!r} is not of type 'object'")
    if isinstance(error.instance, dict):
        error.message = error.message.replace(repr(error.instance), repr(_without_secrets(error.instance)))
    if shapes:
        raise ValidationError(f"{_without_secrets(value)!r} is not valid under any of the given schemas")
    raise error


def _without_secrets(value: dict[str, Any]) -> dict[str, Any]:
    return {name: _MASK if name in _SECRET else item for name, item in value.items()}
