"""Rules for the input of commands, of single ones and of mass commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy, ngettext
from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError as SchemaError

from ...common.masking import MASK
from ...config.models.base import check_json
from .. import commands
from ..schema import validate


def check_input(type_: str, value: Any) -> None:
    """Raise ``ValidationError`` keyed by ``input`` unless ``value`` suits a type of command."""
    check_json("input", value, is_object=False)
    schema = commands.get_command_schema(type_)
    if schema is None:
        if value not in (None, {}):
            raise ValidationError({"input": gettext_lazy("This command takes no input.")})
        return
    try:
        validate(value, schema)
    except SchemaError as error:
        raise ValidationError({"input": _without_secrets(error, type_, value)}) from None
    for text in _mistakes_of_password(type_, value).values():
        raise ValidationError({"input": text})


def mistakes(type_: str, value: Any) -> dict[str, str]:
    """Return what is wrong with the input of a command, in words for forms.

    Args:
        type_: of the command, a registered one.
        value: the input.

    Returns:
        Name of a part of the input → what is wrong there; the empty name stands for the whole.
    """
    try:
        check_input(type_, value)
    except ValidationError as error:
        whole = " ".join(error.messages)
    else:
        return {}
    schema = commands.get_command_schema(type_)
    if not schema or not isinstance(value, dict):
        return {"": whole}
    found: dict[str, str] = {}
    for each in Draft4Validator(schema).iter_errors(value):
        for name in _parts(each):
            found.setdefault(name, _in_words(each, type_, value))
    return found or _mistakes_of_password(type_, value) or {"": whole}


def _mistakes_of_password(type_: str, value: Any) -> dict[str, str]:
    """Return what no schema can say about a new password, by the part of the input."""
    if type_ != "change_password":
        return {}
    if any(ord(character) < 32 for character in value["password"]):
        return {"password": gettext("A password must not contain line breaks or other control characters.")}
    if value["password"] != value["confirm_password"]:
        return {"confirm_password": gettext("The two passwords are not the same.")}
    return {}


def _parts(error: SchemaError) -> Iterator[str]:
    if error.path:
        yield str(error.path[0])
    elif error.validator == "required":
        yield from (name for name in error.validator_value if name not in error.instance)
    else:
        yield ""


def _in_words(error: SchemaError, type_: str, value: Any) -> str:
    limit = error.validator_value
    if error.validator == "required" or (error.validator in ("minLength", "pattern") and error.instance == ""):
        return gettext("This field is required.")
    if error.validator == "minLength":
        return ngettext("At least %d character.", "At least %d characters.", limit) % limit
    if error.validator == "maxLength":
        return ngettext("At most %d character.", "At most %d characters.", limit) % limit
    if error.validator == "pattern":
        return gettext("This is not written as it should be.")
    return _without_secrets(error, type_, value)


def _without_secrets(error: SchemaError, type_: str, value: Any) -> str:
    """Return what is wrong with the input of a command, without what nobody is to read on the way back."""
    message: str = error.message
    if commands.takes_secrets(type_) and not isinstance(error.instance, dict):
        message = message.replace(repr(error.instance), repr(MASK))
    return commands.mask_secrets(message, [each for each in commands.secret_values(type_, value) if len(each) > 2])
