"""Registry of commands: their input schemas, and in which organizations they are allowed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from copy import deepcopy
from itertools import zip_longest
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from ..common.masking import MASK
from .settings import settings

_DRAFT = "http://json-schema.org/draft-04/schema#"
_PASSWORD = {"$ref": "#/definitions/password_regex"}
_MAX_DEPTH = 32
_ALL_SECRET: dict[str, Any] = {"format": "password", "additionalProperties": {"$ref": "#"}, "items": {"$ref": "#"}}

#: Built in. Without ``callable`` the method of the connector that is named like the command is called.
DEFAULT_COMMANDS: dict[str, dict[str, Any]] = {
    "custom": {
        "label": "Custom commands",
        "schema": {
            "$schema": _DRAFT,
            "title": "Custom",
            "type": "object",
            "required": ["command"],
            "properties": {"command": {"type": "string", "title": "Command", "minLength": 1, "pattern": "."}},
            "message": "Command cannot be empty.",
            "additionalProperties": False,
        },
    },
    "reboot": {
        "label": "Reboot",
        "schema": {
            "$schema": _DRAFT,
            "title": "Reboot",
            "type": "null",
            "additionalProperties": False,
            "requires_confirmation": True,
            "confirmation_message": "Are you sure you want to reboot this device?",
        },
    },
    "change_password": {
        "label": "Change password",
        "schema": {
            "$schema": _DRAFT,
            "title": "Change Password",
            "type": "object",
            "required": ["password", "confirm_password"],
            "properties": {
                "password": {**_PASSWORD, "title": "Password", "format": "password"},
                "confirm_password": {**_PASSWORD, "title": "Confirm Password", "format": "password"},
            },
            "definitions": {"password_regex": {"type": "string", "minLength": 6, "maxLength": 30, "pattern": r"[\S]"}},
            "message": "Your password must be at least 6 characters long",
            "additionalProperties": False,
        },
    },
}
COMMANDS: dict[str, dict[str, Any]] = deepcopy(DEFAULT_COMMANDS)
"""Everything registered, by name."""


class EnabledCommands(MutableMapping[str, Any]):
    """The commands of each organization as the setting has them, and as packages change them in running code."""

    def __init__(self) -> None:
        self._changed: dict[str, Any] = {}

    def __getitem__(self, key: str) -> tuple[str, ...]:
        names = self._changed.get(key) if key in self._changed else self._set.get(key)
        if names is None:
            raise KeyError(key)
        return self._each(names)

    def __setitem__(self, key: str, names: Any) -> None:
        """Change it; what is changed back to what the setting says follows the setting again."""
        if key in self._set and self._each(names) == self._each(self._set[key]):
            self._changed.pop(key, None)
        else:
            self._changed[key] = names

    def __delitem__(self, key: str) -> None:
        self[key]
        if key in self._set:
            self._changed[key] = None
        else:
            del self._changed[key]

    def _each(self, names: Any) -> tuple[str, ...]:
        return tuple(COMMANDS) if names == "*" else tuple(names)

    def __iter__(self) -> Iterator[str]:
        return (key for key in {**self._set, **self._changed} if self._changed.get(key, ()) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def _set(self) -> dict[str, Any]:
        return settings.CONTROLLER_ORGANIZATION_ENABLED_COMMANDS


ORGANIZATION_ENABLED_COMMANDS = EnabledCommands()
"""UUID of an organization, or ``__all__``, → names of the commands that may be sent there."""


def register_command(name: str, config: Mapping[str, Any]) -> None:
    """Offer another command.

    Args:
        name: at most 16 characters.
        config: ``label``; ``schema``, the JSON schema (draft 4) of its input, None for none; ``callable``, a function
            or its dotted path, which gets the input as keyword arguments and returns the shell command. Quote values
            with ``shlex.quote``. Input whose schema says ``"format": "password"`` is masked wherever it is shown,
            kept or logged.

    Raises:
        ImproperlyConfigured: a name or configuration that cannot be used, or a name that is taken.
    """
    if not isinstance(name, str):
        raise ImproperlyConfigured("Command name should be type `str`.")
    if not isinstance(config, dict):
        raise ImproperlyConfigured("Command configuration should be type `dict`.")
    if name in COMMANDS:
        raise ImproperlyConfigured(f"{name} is an already registered Command.")
    missing = [key for key in ("label", "schema", "callable") if key not in config]
    assert not missing, f"The configuration of the command {name} lacks {', '.join(missing)}."
    if len(name) > 16:
        raise ImproperlyConfigured(f"The name of the command {name} is longer than 16 characters.")
    COMMANDS[name] = config


def unregister_command(name: str) -> None:
    """Withdraw a command; raise ``ImproperlyConfigured`` when there is none of that name."""
    if not isinstance(name, str):
        raise ImproperlyConfigured("Command name should be type `str`.")
    if name not in COMMANDS:
        raise ImproperlyConfigured(f"No such Command, {name}")
    del COMMANDS[name]


def get_command_schema(command: str) -> dict[str, Any] | None:
    """Return the JSON schema of a command's input; None when it takes none.

    Raises:
        ImproperlyConfigured: there is no such command.
    """
    return _command(command)["schema"]


def get_command_callable(command: str) -> Callable[..., str] | None:
    """Return the function that gives the shell command; None for built-in commands."""
    function = _command(command).get("callable")
    return import_string(function) if isinstance(function, str) else function


def get_command_choices() -> list[tuple[str, str]]:
    """Return names and labels of all registered commands."""
    return [(name, config["label"]) for name, config in COMMANDS.items()]


def label(command: str) -> str:
    """Return the label of a command; its name when it is not registered any more."""
    return str(COMMANDS[command]["label"]) if command in COMMANDS else command


def allowed_commands(organization_id: Any = None) -> list[tuple[str, str]]:
    """Return names and labels of the commands that may be sent in an organization, in the order of the setting.

    Args:
        organization_id: UUID; None = what is allowed to organizations that the setting does not name.
    """
    enabled = ORGANIZATION_ENABLED_COMMANDS
    names = enabled.get(str(organization_id), enabled.get("__all__", ()))
    return [(name, label(name)) for name in names if name in COMMANDS]


def is_allowed(command: str, organization_id: Any) -> bool:
    """Tell whether a command may be sent in an organization."""
    return any(name == command for name, _ in allowed_commands(organization_id))


def is_allowed_somewhere(command: str) -> bool:
    """Tell whether a command may be sent in any organization."""
    return command in COMMANDS and any(command in names for names in ORGANIZATION_ENABLED_COMMANDS.values())


def unknown_enabled_commands() -> list[str]:
    """Return the names in the setting of enabled commands that no command has."""
    return sorted({name for names in ORGANIZATION_ENABLED_COMMANDS.values() for name in names if name not in COMMANDS})


def register_user_commands() -> None:
    """Register the commands of ``OPENWISP_CONTROLLER_USER_COMMANDS``, once."""
    for name, config in settings.CONTROLLER_USER_COMMANDS:
        if COMMANDS.get(name) is not config:
            register_command(name, config)


def secret_values(command: str, values: Any) -> list[str]:
    """Return what must not appear in outputs and logs: secrets as they are, and quoted for a shell."""
    found: list[Any] = []
    _masked(values, _schema(command), found)
    plain = {str(value) for value in found if value != ""}
    quoted = {text.replace("'", "'\"'\"'") for text in plain}
    return sorted(plain | quoted, key=len, reverse=True)


def takes_secrets(command: str) -> bool:
    """Tell whether something in the input of a command is secret."""
    return '"password"' in json.dumps(_schema(command).get("properties", _schema(command)))


def masked(command: str, values: Any) -> Any:
    """Return the input of a command as it may be shown and kept.

    Of a command that is not registered any more nobody knows what is secret, so everything is masked.
    """
    if command == "change_password":
        return {"password": MASK}
    return _masked(values, _schema(command), [])


def _schema(command: str) -> dict[str, Any]:
    schema: dict[str, Any] | None = COMMANDS[command]["schema"] if command in COMMANDS else _ALL_SECRET
    return schema or {}


def _masked(value: Any, schema: Any, found: list[Any], root: Any = None, depth: int = 0) -> Any:
    """Return ``value`` with everything masked whose schema says that it is a password; note it in ``found``."""
    root = schema if root is None else root
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return value
    for other in _subschemas(schema, root):
        value = _masked(value, other, found, root, depth + 1)
    if isinstance(value, dict):
        named, others = schema.get("properties", {}), schema.get("additionalProperties")
        return {name: _masked(item, named.get(name, others), found, root, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, schema.get("items"), found, root, depth + 1) for item in value]
    if schema.get("format") != "password" or value is None or value == MASK:
        return value
    found.append(value)
    return MASK


def _subschemas(schema: dict[str, Any], root: dict[str, Any]) -> list[Any]:
    """Return the further schemas that a schema names for the same value."""
    others = [other for name in ("allOf", "anyOf", "oneOf") for other in schema.get(name, ())]
    target: Any = root
    if isinstance(schema.get("$ref"), str):
        for name in schema["$ref"].removeprefix("#").split("/")[1:]:
            target = target.get(name) if isinstance(target, dict) else None
        others.append(target)
    return others


def mask_secrets(text: str, secrets: list[str]) -> str:
    """Return ``text`` without the ``secrets``."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def hidden(command: str, values: Any) -> Any:
    """Return the input of a command with its secrets masked, part by part, so that ``restored`` can put them back."""
    return _masked(values, _schema(command), [])


def restored(values: Any, stored: Any) -> Any:
    """Return an input in which each mask stands for what is stored in its place."""
    if values == MASK and isinstance(stored, str | int | float):
        return stored
    if isinstance(values, dict) and isinstance(stored, dict):
        return {name: restored(value, stored.get(name)) for name, value in values.items()}
    if isinstance(values, list) and isinstance(stored, list):
        return [restored(value, was) for value, was in zip_longest(values, stored[: len(values)])]
    return values


def as_text(command: str, values: Any) -> str:
    """Return the input of a command as one line for people, without secrets."""
    if not isinstance(values, dict):
        return "" if values is None else str(values)
    if command == "custom":
        return str(values.get("command", ""))
    return ", ".join(str(value) for value in masked(command, values).values())


def _command(name: str) -> dict[str, Any]:
    try:
        return COMMANDS[name]
    except KeyError:
        raise ImproperlyConfigured(f"No such Command, {name}") from None


def __getattr__(name: str) -> Any:
    """Views of the registry under the names that the field's extensions know."""
    if name == "COMMAND_CHOICES":
        return get_command_choices()
    if name == "ORGANIZATION_COMMAND_SCHEMA":
        return {
            key: {each: get_command_schema(each) for each, _ in allowed_commands(key)}
            for key in ORGANIZATION_ENABLED_COMMANDS
        }
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
