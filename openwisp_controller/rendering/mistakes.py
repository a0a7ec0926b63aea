"""What is wrong with a configuration: every mistake, each where it really is, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError as SchemaError
from netjsonconfig.backends.base.backend import format_checker

from .errors import NOT_SHOWN, Mistake, Path, shown_value

_TYPES = {
    "array": "a list", "object": "an object", "string": "a text", "integer": "a whole number", "number": "a number",
    "boolean": "true or false", "null": "null",
}  # fmt: skip
_MOST = 20


def find_mistakes(
    schema: Any, config: Any, variables_at: Callable[[Path], Sequence[str]] = lambda path: ()
) -> list[Mistake]:
    """Return what a schema finds wrong with a configuration, the innermost mistakes, in the order of their places.

    Args:
        schema: of the configuration.
        config: with the variables put in.
        variables_at: tells which variables a value was made of.
    """
    found: dict[tuple[Path, str], None] = {}
    for error in _innermost(Draft4Validator(schema, format_checker=format_checker).iter_errors(config)):
        path = tuple(error.absolute_path)
        used = () if isinstance(error.instance, (dict, list)) else variables_at(path)
        text = describe(error, used)
        if used:
            text += f" (made of the variable{'s' * (len(used) > 1)} {', '.join(used)})"
        found[path, text] = None
    mistakes = sorted((Mistake(path, text) for path, text in found), key=lambda mistake: _order(mistake.path))
    if len(mistakes) > _MOST:
        rest = Mistake((), f"and {len(mistakes) - _MOST} more mistakes")
        return [*mistakes[:_MOST], rest]
    return mistakes


def _order(path: Path) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (0, step) for step in path]


def _innermost(errors: Iterable[SchemaError]) -> Iterator[SchemaError]:
    for error in errors:
        if error.validator in ("anyOf", "oneOf") and error.context:
            yield from _innermost(_meant(error))
        elif error.context:
            yield from _innermost(error.context)
        else:
            yield error


def _meant(error: SchemaError) -> list[SchemaError]:
    """Return the errors of the alternative that was most likely meant.

    That is the one whose constants (such as the type of an interface) fit and whose errors are fewest and deepest.
    """
    branches: dict[Any, list[SchemaError]] = {}
    for each in error.context or ():
        branches.setdefault(each.schema_path[0], []).append(each)

    def distance(found: Sequence[SchemaError]) -> tuple[int, int, int, int]:
        inner = list(_innermost(found))
        here = len(error.absolute_path) + 1
        choosing = sum(_is_choice(each) and len(each.absolute_path) == here for each in _innermost(found))
        kinds = sum(each.validator == "type" and len(each.absolute_path) < here for each in found)
        missing = sum(each.validator == "required" and len(each.absolute_path) < here for each in found)
        return (kinds, choosing, missing, len(inner))

    return _nobody_knows(list(branches.values())) or min(branches.values(), key=distance)


def _is_choice(error: SchemaError) -> bool:
    """Whether an error is about a text that chooses among alternatives."""
    return error.validator == "enum" and isinstance(error.instance, str)


def _nobody_knows(branches: Sequence[Sequence[SchemaError]]) -> list[SchemaError]:
    """Return the error of a text that no alternative knows (such as a type of interface), with all that are known."""
    allowed = [[each for each in _innermost(found) if _is_choice(each)] for found in branches]
    for first in allowed[0]:
        same = [[each for each in found if each.absolute_path == first.absolute_path] for found in allowed]
        if all(same):
            known = [value for found in same for each in found for value in each.validator_value]
            error = SchemaError.create_from(first)
            error.validator_value = list(dict.fromkeys(known))
            return [error]
    return []


def describe(error: SchemaError, variables: Sequence[str] = ()) -> str:
    """Return in words what is wrong; neither secrets nor whole structures are told.

    Args:
        error: one of the innermost.
        variables: that the value was made of.
    """
    value, limit = error.instance, error.validator_value
    teller = _TELLERS.get(str(error.validator))
    shown = shown_value(value, *error.absolute_path, *variables)
    if teller is not None:
        return teller(value, limit, shown)
    if isinstance(value, (dict, list)):
        return f"{_kind(value)} that is not possible here"
    return error.message if shown != NOT_SHOWN else "this value is not possible here"


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _of_type(value: Any, wanted: Any, shown: str) -> str:
    kinds = wanted if isinstance(wanted, list) else [wanted]
    what = shown if not isinstance(value, (dict, list)) else _kind(value)
    words = " or ".join(str(_TYPES.get(kind, kind)) for kind in kinds)
    return f"{what} is not of type {', '.join(map(repr, kinds))}: {words} is wanted"


def _missing(value: Any, names: Any, shown: str) -> str:
    missing = [repr(name) for name in names if name not in value]
    return f"{' and '.join(missing)} {'is a required property' if len(missing) == 1 else 'are required properties'}"


def _one_of(value: Any, allowed: Any, shown: str) -> str:
    what = shown if not isinstance(value, (dict, list)) else _kind(value)
    listed = [shown_value(each) for each in allowed[:_MOST]] + ["…"] * (len(allowed) > _MOST)
    return f"{what} is not one of [{', '.join(listed)}]"


def _characters(number: int) -> str:
    return f"{number} character{'s' * (number != 1)}"


_TELLERS: dict[str, Any] = {
    "type": _of_type,
    "required": _missing,
    "enum": _one_of,
    "minLength": lambda value, limit, shown: (
        f"{shown} is too short: it has {_characters(len(value))}, at least {_characters(limit)} are wanted"
    ),
    "maxLength": lambda value, limit, shown: (
        f"{shown} is too long: it has {_characters(len(value))}, at most {_characters(limit)} are possible"
    ),
    "minItems": lambda value, limit, shown: f"the list is too short: it has {len(value)}, at least {limit} are wanted",
    "maxItems": lambda value, limit, shown: f"the list is too long: it has {len(value)}, at most {limit} are possible",
    "minimum": lambda value, limit, shown: f"{shown} is too small: it must be at least {limit}",
    "maximum": lambda value, limit, shown: f"{shown} is too large: it must be at most {limit}",
    "pattern": lambda value, limit, shown: f"{shown} does not have the form that is wanted ({limit})",
    "format": lambda value, limit, shown: f"{shown} is not a {limit!r}",
    "uniqueItems": lambda value, limit, shown: "the list has the same element more than once",
    "additionalProperties": lambda value, limit, shown: "the object has properties that are not possible here",
}
