"""Rules for single values of devices."""

from __future__ import annotations

import math
import re
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _
from openwisp_utils.validators import key_validator as library_key_validator

_MAC = r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}"
_SURROGATE = re.compile("[\ud800-\udfff]")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

mac_address_validator = RegexValidator(rf"\A{_MAC}\Z", _("Must be a valid mac address."), code="invalid")
key_validator = RegexValidator(
    # the library's own lets a line break through at the end
    r"\A[^\s/.]+\Z",
    library_key_validator.message,
    code="invalid",
)
#: Characters of keys that devices and people choose. The agent's have 32.
MIN_KEY_LENGTH = 8
device_name_validator = RegexValidator(
    # a single character is no hostname for the configuration generators
    rf"\A(?=.{{2,}})(?:{_LABEL}(?:\.{_LABEL})*|{_MAC})\Z",
    _("Must be either a valid hostname or mac address."),
    code="invalid",
)


def plain_mac(value: str) -> str:
    """Return ``value`` without separators and in lower case, for comparing MAC addresses."""
    return re.sub("[:-]", "", value).lower()


def validate_json_object(value: Any) -> None:
    """Raise ``ValidationError`` unless ``value`` is a JSON object (an empty value counts as one)."""
    if value and not isinstance(value, dict):
        raise ValidationError(_("the supplied value is not a JSON object"), code="not_an_object")


def validate_no_nul(value: Any) -> None:
    """Raise ``ValidationError`` when a JSON value holds what databases refuse: NUL, half characters, no numbers."""
    if isinstance(value, str):
        if "\x00" in value:
            raise ValidationError(_("Null characters are not allowed."), code="null_characters_not_allowed")
        if not value.isascii() and _SURROGATE.search(value):
            raise ValidationError(_("Incomplete characters (surrogates) are not allowed."), code="surrogate")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValidationError(_("NaN and infinite numbers are not allowed."), code="not_finite")
    elif isinstance(value, dict):
        for name, item in value.items():
            validate_no_nul(name)
            validate_no_nul(item)
    elif isinstance(value, list):
        for item in value:
            validate_no_nul(item)


def check_key_length(key: str) -> None:
    """Refuse keys that can be guessed; raise ``ValidationError`` keyed by ``key``."""
    if key and len(key) < MIN_KEY_LENGTH:
        raise ValidationError({"key": _("A key must have at least %d characters.") % MIN_KEY_LENGTH})
