"""Rules for the input of commands, of single ones and of mass commands."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
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
            raise ValidationError({"input": _("This command takes no input.")})
        return
    try:
        validate(value, schema)
    except SchemaError as error:
        raise ValidationError({"input": _without_secrets(error, type_, value)}) from None
    if type_ == "change_password" and any(ord(character) < 32 for character in value["password"]):
        raise ValidationError({"input": _("A password must not contain line breaks or other control characters.")})
    if type_ == "change_password" and value["password"] != value["confirm_password"]:
        raise ValidationError({"input": _("The two passwords are not the same.")})


def _without_secrets(error: SchemaError, type_: str, value: Any) -> str:
    """Return what is wrong with the input of a command, without what nobody is to read on the way back."""
    message: str = error.message
    if commands.takes_secrets(type_) and not isinstance(error.instance, dict):
        message = message.replace(repr(error.instance), repr(MASK))
    return commands.mask_secrets(message, [each for each in commands.secret_values(type_, value) if len(each) > 2])
