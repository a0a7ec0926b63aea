"""Settings of the connection app. Names and defaults are the field's; see ``docs/reference/settings.md``."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from ..common.settings import Setting, SettingsGroup, json_schema, must_be, pairs, paths_of_pairs, positive, seconds

_CONNECTORS = "openwisp_controller.connection.connectors."


def _one_of(*values: str) -> Any:
    return lambda value: "" if value in values else f"must be one of {', '.join(values)}."


def _keys(value: Any) -> str:
    if not isinstance(value, list | tuple) or not value:
        return "must be a list of at least one key."
    if any(not isinstance(key, str) or len(key) < 32 for key in value):
        return "holds a key of less than 32 characters; make one with: openssl rand -base64 32"
    return ""


def _enabled_commands(value: Any) -> str:
    if not isinstance(value, dict):
        return 'must be a dictionary such as {"__all__": "*"}.'
    if any(names != "*" and not isinstance(names, list | tuple) for names in value.values()):
        return 'must hold "*" or a list of command names for each organization.'
    for key in value:
        if key != "__all__" and not _is_uuid(key):
            return f"has the key {key!r}: write the UUID of an organization as a text in lower case, or __all__."
    return ""


def _is_uuid(key: Any) -> bool:
    try:
        return isinstance(key, str) and str(uuid.UUID(key)) == key
    except ValueError:
        return False


def _user_commands(value: Any) -> str:
    if not isinstance(value, list | tuple):
        return f"must be a list of (name, dictionary) pairs, not {type(value).__name__}."
    for item in value:
        if not isinstance(item, list | tuple) or len(item) != 2 or not isinstance(item[1], dict):
            return "must be a list of (name, dictionary) pairs."
        name, command = item
        missing = [key for key in ("label", "schema", "callable") if key not in command]
        if missing:
            return f"lacks {', '.join(missing)} in the command {name}."
        reason = json_schema(command["schema"]) if command["schema"] is not None else ""
        if reason:
            return f"has a command {name} whose schema {reason}"
    return ""


def _paths_of_commands(value: Any) -> Iterable[str]:
    return (command["callable"] for _name, command in value if isinstance(command["callable"], str))


def _origin(value: Any) -> str:
    usable = value is None or (isinstance(value, str) and value.startswith(("http://", "https://")))
    return "" if usable else "must be an origin such as https://controller.example.org."


class ConnectionSettings(SettingsGroup):
    """Everything a project may change about how devices are reached."""

    prefix = "OPENWISP_"

    CONNECTORS: Setting[Any] = Setting(
        (
            (f"{_CONNECTORS}ssh.Ssh", "SSH"),
            (f"{_CONNECTORS}openwrt.snmp.OpenWRTSnmp", "OpenWRT SNMP"),
            (f"{_CONNECTORS}airos.snmp.AirOsSnmp", "Ubiquiti AirOS SNMP"),
        ),
        "Kinds of credentials, as (path of the connector class, label) pairs.",
        pairs,
        paths_of_pairs,
    )
    UPDATE_STRATEGIES: Setting[Any] = Setting(
        ((f"{_CONNECTORS}openwrt.ssh.OpenWrt", "OpenWRT SSH"),
         (f"{_CONNECTORS}openwrt.ssh.OpenWisp1", "OpenWISP 1.x SSH")),
        "Ways of telling a device to fetch its configuration, as (path of the connector class, label) pairs.",
        pairs,
        paths_of_pairs,
    )  # fmt: skip
    CONFIG_UPDATE_MAPPING: Setting[dict[str, str]] = Setting(
        {
            "netjsonconfig.OpenWrt": f"{_CONNECTORS}openwrt.ssh.OpenWrt",
            "netjsonconfig.OpenWisp": f"{_CONNECTORS}openwrt.ssh.OpenWisp1",
        },
        "Update strategy of a connection that names none, by the backend of the device's configuration.",
        must_be(dict, "a dictionary"),
        lambda value: value.values(),
    )
    SSH_CONNECTION_TIMEOUT = Setting(5, "Seconds to wait for the TCP connection to a device.", seconds)
    SSH_BANNER_TIMEOUT = Setting(60, "Seconds to wait for a device's SSH banner and key exchange.", seconds)
    SSH_AUTH_TIMEOUT = Setting(2, "Seconds to wait for each answer of a device while logging in.", seconds)
    SSH_COMMAND_TIMEOUT = Setting(30, "Seconds that a remote command may take.", seconds)
    CONTROLLER_SSH_HOST_KEYS = Setting(
        "first-use",
        "Which host keys are accepted: `first-use` = the first one seen is remembered, another one is refused;"
        " `strict` = only those that a person accepted; `off` = any.",
        _one_of("first-use", "strict", "off"),
    )
    CONTROLLER_MANAGEMENT_IP_ONLY = Setting(
        True,
        "Connect to the management address alone; False = try the last known address, too.",
        must_be(bool, "True or False"),
    )
    UPDATE_CONFIG_MODEL = Setting(
        "config.Device", "Model, as `app.Model`, whose `can_be_updated()` decides whether a device is pushed to.",
        must_be(str, "a text such as config.Device"),
    )  # fmt: skip
    CONTROLLER_PUSH_CONCURRENCY = Setting(
        300, "SSH sessions that one process keeps open at once for pushes, and again for commands.", positive
    )
    CONTROLLER_PUSH_CONCURRENCY_TOTAL = Setting(1000, "The same for all processes together.", positive)
    CONTROLLER_PUSH_DEADLINE = Setting(30, "Seconds that one attempt to tell a device may take in all.", seconds)
    CONTROLLER_PUSH_ATTEMPTS = Setting(
        5, "How often a device is tried when a change cannot be told; afterwards it finds it at its own poll.", positive
    )
    CONTROLLER_PUSH_BACKOFF = Setting(
        5, "Seconds until the second attempt; each further one waits four times as long, give or take a quarter.",
        seconds,
    )  # fmt: skip
    CONTROLLER_COMMAND_OUTPUT_LIMIT = Setting(
        262144, "Characters of a command's output that are kept; the rest is cut off and marked.", positive
    )
    CONTROLLER_BATCH_CONCURRENCY = Setting(50, "Commands of one mass command that run at once.", positive)
    CONTROLLER_USER_COMMANDS: Setting[Any] = Setting(
        [],
        "Further commands, as (name, dictionary with `label`, `schema` and `callable`) pairs.",
        _user_commands,
        _paths_of_commands,
    )
    CONTROLLER_ORGANIZATION_ENABLED_COMMANDS: Setting[dict[str, Any]] = Setting(
        {"__all__": "*"},
        "Commands allowed in an organization, by its UUID: a list of names, or `*` for all; `__all__` = all others.",
        _enabled_commands,
    )
    CONTROLLER_API_HOST: Setting[str | None] = Setting(
        None, "Origin at which the administration finds REST API and WebSockets; None = its own.", _origin
    )
    CONTROLLER_ENCRYPTION_KEYS: Setting[Any] = Setting(
        (),
        "Keys that secrets are encrypted with in the database: the first one encrypts, all of them decrypt.",
        _keys,
    )

    @property
    def connect_budget(self) -> float:
        """Seconds after which an attempt to connect to one address has failed for certain."""
        return self.SSH_CONNECTION_TIMEOUT + self.SSH_BANNER_TIMEOUT + AUTH_ROUND_TRIPS * self.SSH_AUTH_TIMEOUT


AUTH_ROUND_TRIPS = 3
"""Service request, list of methods, the method itself."""

settings = ConnectionSettings()
__getattr__ = settings.attribute
