"""Settings of the configuration app. Names and defaults are the field's; see ``docs/reference/settings.md``."""

from __future__ import annotations

import json
import random
import re
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..common.settings import (
    Setting,
    SettingsGroup,
    json_schema,
    must_be,
    networks,
    one_of,
    pairs,
    paths_of_pairs,
    positive,
    seconds,
    whole,
)


def _first_path(choices: Any) -> str:
    return choices[0][0]


def _hardware_id_defaults(group: ConfigSettings) -> dict[str, Any]:
    return {
        "blank": not group.HARDWARE_ID_ENABLED,
        "null": True,
        "max_length": 32,
        "verbose_name": _("Serial number"),
        "help_text": _("Serial number of this device"),
    }


def _names(value: Any) -> str:
    usable = isinstance(value, list | tuple) and len(value) == 2
    return "" if usable else "must be a pair: (singular, plural)."


def _variables(value: Any) -> str:
    if not isinstance(value, dict):
        return f"must be a dictionary, not {type(value).__name__}."
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        return f"must hold what JSON knows: {error}."
    return ""


def _field_options(value: Any) -> str:
    if not isinstance(value, dict):
        return f"must be a dictionary, not {type(value).__name__}."
    try:
        models.CharField(**value)
    except (TypeError, ValueError) as error:
        return f"holds what is no option of a text field: {error}."
    return ""


def _os_mapping(value: Any) -> str:
    form = "must have the form {backend: {'>=21.02': [patterns], '<21.02': [patterns]}}"
    if not isinstance(value, dict) or not all(isinstance(patterns, dict) for patterns in value.values()):
        return f"{form}."
    for constraint, patterns in (item for mapping in value.values() for item in mapping.items()):
        if constraint not in (">=21.02", "<21.02") or not isinstance(patterns, list | tuple):
            return f"{form}."
        for pattern in patterns:
            try:
                re.compile(pattern)
            except (TypeError, re.error) as error:
                return f"holds {pattern!r}, which is no regular expression: {error}."
    return ""


def _host(value: Any) -> str:
    usable = isinstance(value, str) and re.fullmatch(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", value)
    return "" if usable else f"must be a host such as geolite.info, with :port or not, without https://, not {value!r}."


_RETRY_OPTIONS = {
    "max_retries": lambda value: type(value) is int and value >= 0,
    "retry_backoff": lambda value: type(value) in (bool, int) and value >= 0,
    "retry_backoff_max": lambda value: type(value) in (int, float) and value > 0,
    "retry_jitter": lambda value: type(value) is bool,
}


def _retry_options(value: Any) -> str:
    if not isinstance(value, dict):
        return f"must be a dictionary, not {type(value).__name__}."
    for name, given in value.items():
        if name in _RETRY_OPTIONS and not _RETRY_OPTIONS[name](given):
            return f"holds {name} = {given!r}, which makes no sense."
    return ""


class ConfigSettings(SettingsGroup):
    """Everything a project may change about devices, templates and registration."""

    prefix = "OPENWISP_CONTROLLER_"

    API = Setting(
        True,
        "Whether devices, templates, groups and VPN servers have a REST interface.",
        must_be(bool, "True or False"),
    )
    PKI_API = Setting(
        True,
        "Whether certification authorities and certificates have a REST interface.",
        must_be(bool, "True or False"),
    )
    BACKENDS: Setting[Any] = Setting(
        (("netjsonconfig.OpenWrt", "OpenWRT"), ("netjsonconfig.OpenWisp", "OpenWISP Firmware 1.x")),
        "Configuration backends offered for devices and templates, as (path, label) pairs.",
        pairs,
        paths_of_pairs,
    )
    DEFAULT_BACKEND: Setting[str | None] = Setting(
        lambda group: _first_path(group.BACKENDS),
        "Backend preselected in forms and used for configurations that are created automatically; None = no choice.",
    )
    VPN_BACKENDS: Setting[Any] = Setting(
        (
            ("openwisp_controller.vpn_backends.OpenVpn", "OpenVPN"),
            ("openwisp_controller.vpn_backends.Wireguard", "WireGuard"),
            ("openwisp_controller.vpn_backends.VxlanWireguard", "VXLAN over WireGuard"),
            ("openwisp_controller.vpn_backends.ZeroTier", "ZeroTier"),
        ),
        "Backends offered for VPN servers, as (path, label) pairs; the kind of a server is told by its path.",
        pairs,
        paths_of_pairs,
    )
    DEFAULT_VPN_BACKEND: Setting[str | None] = Setting(
        lambda group: _first_path(group.VPN_BACKENDS), "Backend preselected in forms of VPN servers; None = no choice."
    )
    DEFAULT_AUTO_CERT = Setting(
        True,
        "Whether new VPN templates hand out certificates, keys and addresses by themselves.",
        must_be(bool, "True or False"),
    )
    CERT_PATH = Setting(
        "/etc/x509", "Directory on devices where certificates and keys are put.", must_be(str, "a text")
    )
    COMMON_NAME_FORMAT = Setting(
        "{mac_address}-{name}",
        "Common name of client certificates; the placeholders are attributes of the device.",
        must_be(str, "a text"),
    )
    API_TASK_RETRY_OPTIONS: Setting[dict[str, Any]] = Setting(
        {"max_retries": 5, "retry_backoff": True, "retry_backoff_max": 600, "retry_jitter": True},
        "How often and how long after each other calls to VPN servers and the WHOIS service are tried again (times in"
        " seconds).",
        _retry_options,
    )
    WHOIS_GEOIP_ACCOUNT = Setting(
        "",
        "Account id at MaxMind, whose service is asked where and whose the public addresses of devices are; with the"
        " licence key it makes WHOIS configured.",
        must_be(str, "a text"),
    )
    WHOIS_GEOIP_KEY = Setting("", "Licence key of that account.", must_be(str, "a text"))
    WHOIS_GEOIP_HOST = Setting(
        "geolite.info",
        "Host of the service, with its port where that is not 443: of MaxMind, or of a mirror with the same interface.",
        _host,
    )
    WHOIS_TIMEOUT = Setting(5, "Seconds to wait for a connection to that service, and for its answer.", seconds)
    WHOIS_ENABLED = Setting(
        False,
        "Whether public addresses of devices are looked up in organizations that do not decide otherwise; needs"
        " account and key.",
        must_be(bool, "True or False"),
    )
    WHOIS_REFRESH_THRESHOLD_DAYS = Setting(
        90,
        "After how many days what is known about an address is looked up again, and deleted where no active device has"
        " that address any more.",
        positive,
    )
    OUTGOING_ALLOWED_NETWORKS: Setting[Any] = Setting(
        (),
        "Private networks (such as '10.8.0.0/16') to which calls of webhooks and VPN controllers may go; others than"
        " public addresses are refused.",
        networks,
    )
    REGISTRATION_ENABLED = Setting(True, "Whether devices may enrol themselves at all.", must_be(bool, "True or False"))
    CONSISTENT_REGISTRATION = Setting(
        True,
        "Derive device keys from MAC address (or hardware id) and shared secret, so a reflashed device is recognised.",
        must_be(bool, "True or False"),
    )
    REGISTRATION_SELF_CREATION = Setting(
        True, "Whether enrolment may create devices; False = they must exist already.", must_be(bool, "True or False")
    )
    CONTEXT: Setting[dict[str, Any]] = Setting({}, "Configuration variables of the whole system.", _variables)
    UNDEFINED_VARIABLES = Setting(
        "warn",
        "What happens when a template or device is saved that uses variables which nobody defines: 'warn', 'refuse' or"
        " 'ignore'.",
        one_of("warn", "refuse", "ignore"),
    )
    DEVICE_NAME_UNIQUE = Setting(
        True, "Whether device names are unique in an organization, ignoring case.", must_be(bool, "True or False")
    )
    DEVICE_VERBOSE_NAME: Setting[Any] = Setting(
        (_("Device"), _("Devices")), "What a device is called, as (singular, plural).", _names
    )
    HARDWARE_ID_ENABLED = Setting(
        False,
        "Whether devices have a hardware id (serial number); required when enabled.",
        must_be(bool, "True or False"),
    )
    HARDWARE_ID_OPTIONS: Setting[dict[str, Any]] = Setting(
        {}, "Options of the hardware id field, merged over its defaults.", _field_options
    )
    HARDWARE_ID_AS_NAME = Setting(
        True, "Show the hardware id instead of the name where it is enabled.", must_be(bool, "True or False")
    )
    GROUP_PIE_CHART = Setting(
        False,
        "Show on the first page how many groups have devices; read when the server starts.",
        must_be(bool, "True or False"),
    )
    MANAGEMENT_IP_DEVICE_LIST = Setting(
        True,
        "Show the management address in the device list, the last address where it is unknown.",
        must_be(bool, "True or False"),
    )
    CONFIG_BACKEND_FIELD_SHOWN = Setting(
        True, "Show the backend of devices and templates.", must_be(bool, "True or False")
    )
    SHARED_MANAGEMENT_IP_ADDRESS_SPACE = Setting(
        True,
        "Whether a management address is unique in the whole system (True) or only in its organization (False).",
        must_be(bool, "True or False"),
    )
    LOOPBACK_MANAGEMENT_IP = Setting(
        False,
        "Whether devices may have loopback addresses as management addresses: for virtual devices on the same machine.",
        must_be(bool, "True or False"),
    )
    DEVICE_GROUP_SCHEMA: Setting[dict[str, Any]] = Setting(
        {"type": "object", "properties": {}}, "JSON schema of the metadata of groups.", json_schema
    )
    DSA_OS_MAPPING: Setting[dict[str, Any]] = Setting(
        {},
        "For custom firmware: backend → {'>=21.02': [patterns], '<21.02': [patterns]} matched against the device's os.",
        _os_mapping,
    )
    DSA_DEFAULT_FALLBACK = Setting(
        True, "Use the DSA syntax where the device's os is unknown.", must_be(bool, "True or False")
    )
    TRUSTED_PROXIES = Setting(
        0,
        "How many proxies in front of the server append the peer address to X-Forwarded-For; 0 = ignore the header.",
        whole,
    )
    REGISTRATION_FAILURES_PER_MINUTE = Setting(
        60,
        "How many refused enrolments an address may have in a minute before it gets 429; 0 = no limit.",
        whole,
    )
    MAX_NETJSON_SIZE = Setting(
        512 * 1024,
        "How large a configuration may be, in characters of JSON, besides the contents of its files.",
        positive,
    )
    MAX_VARIABLES_SIZE = Setting(
        128 * 1024,
        "How large the variables of a device, template, group or organization may be, in characters of JSON.",
        positive,
    )
    MAX_ARCHIVE_SIZE = Setting(
        8 * 1024 * 1024, "How large all files of an archive may be together, in bytes, before they are compressed.",
        positive,
    )  # fmt: skip
    LAST_SEEN_INTERVAL = Setting(
        60,
        "After how many seconds each process that answers devices stores which ones it has seen; none is written for"
        " each poll.",
        seconds,
    )
    REVISIONS_KEPT = Setting(20, "How many revisions of a configuration are kept, besides those in use.", positive)

    def verify(self) -> None:
        super().verify()
        for default, choices in (("DEFAULT_BACKEND", "BACKENDS"), ("DEFAULT_VPN_BACKEND", "VPN_BACKENDS")):
            offered = paths_of_pairs(getattr(self, choices))
            if getattr(self, default) not in (None, *offered):
                raise ImproperlyConfigured(
                    f"{self.prefix}{default} is none of {self.prefix}{choices}: write one of {', '.join(offered)}."
                )
        if self.WHOIS_ENABLED and not self.is_whois_configured:
            raise ImproperlyConfigured(
                f"{self.prefix}WHOIS_ENABLED is True, so {self.prefix}WHOIS_GEOIP_ACCOUNT and"
                f" {self.prefix}WHOIS_GEOIP_KEY must be set."
            )

    @property
    def is_whois_configured(self) -> bool:
        """Tell whether there is an account to look up addresses with; nothing of WHOIS happens or shows without."""
        return bool(self.WHOIS_GEOIP_ACCOUNT and self.WHOIS_GEOIP_KEY)

    def pause_before_retry(self, attempts: int) -> float:
        """Return how many seconds to wait before a call to another machine is tried again.

        Args:
            attempts: how often it was tried again already.
        """
        options = self.API_TASK_RETRY_OPTIONS
        backoff = options.get("retry_backoff", True)
        longest = options.get("retry_backoff_max", 600)
        pause = float(min(longest, (1 if backoff is True else int(backoff)) * 2**attempts))
        return random.uniform(pause / 2, pause) if options.get("retry_jitter", True) else pause

    @property
    def hardware_id_field_options(self) -> dict[str, Any]:
        """Return the options of the hardware id field; it is unique per organization, never globally."""
        return {**_hardware_id_defaults(self), **self.HARDWARE_ID_OPTIONS, "unique": False}


settings = ConfigSettings()
__getattr__ = settings.attribute
