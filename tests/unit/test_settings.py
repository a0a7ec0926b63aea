"""Settings that cannot be used are refused at the start, by name and with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from openwisp_controller.config.settings import settings as config_settings
from openwisp_controller.connection.settings import settings as connection_settings
from openwisp_controller.geo.settings import settings as geo_settings
from openwisp_controller.subnet_division import rules
from openwisp_controller.subnet_division.settings import settings as subnet_settings

GROUPS = (config_settings, connection_settings, subnet_settings, geo_settings)
UUID = "0b8b2f4e-3c1d-4e5f-8a9b-0c1d2e3f4a5b"
COMMAND = {"label": "Ping", "schema": None, "callable": "shlex.quote"}


def verify() -> None:
    for group in GROUPS:
        group.verify()


def test_the_defaults_are_sound() -> None:
    verify()
    assert checks.run_checks() == []


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("OPENWISP_CONTROLLER_BACKENDS", 5, "(path, label) pairs"),
        ("OPENWISP_CONTROLLER_BACKENDS", (), "(path, label) pairs"),
        ("OPENWISP_CONTROLLER_BACKENDS", ("netjsonconfig.OpenWrt",), "(path, label) pairs"),
        ("OPENWISP_CONTROLLER_DEFAULT_BACKEND", "some.Other", "write one of netjsonconfig.OpenWrt,"),
        ("OPENWISP_CONTROLLER_DEFAULT_VPN_BACKEND", "some.Other", "write one of openwisp_controller.vpn_backends"),
        ("OPENWISP_CONTROLLER_CONTEXT", [], "must be a dictionary, not list"),
        ("OPENWISP_CONTROLLER_CONTEXT", {"a": object()}, "must hold what JSON knows"),
        ("OPENWISP_CONTROLLER_API_TASK_RETRY_OPTIONS", {"max_retries": "5"}, "max_retries = '5'"),
        ("OPENWISP_CONTROLLER_DEVICE_GROUP_SCHEMA", {"type": "nothing"}, "is no JSON schema: 'nothing'"),
        ("OPENWISP_CONTROLLER_DEVICE_VERBOSE_NAME", "Router", "must be a pair"),
        ("OPENWISP_CONTROLLER_HARDWARE_ID_OPTIONS", {"size": 3}, "'size'"),
        ("OPENWISP_CONTROLLER_DSA_OS_MAPPING", {"netjsonconfig.OpenWrt": {">=21.02": ["("]}}, "regular expression"),
        ("OPENWISP_CONTROLLER_DSA_OS_MAPPING", {"netjsonconfig.OpenWrt": ["x"]}, "must have the form"),
        ("OPENWISP_CONTROLLER_OUTGOING_ALLOWED_NETWORKS", ["10.0.0.1/8"], "networks such as '10.8.0.0/16'"),
        ("OPENWISP_CONTROLLER_REGISTRATION_FAILURES_PER_MINUTE", -1, "whole number, 0 or more"),
        ("OPENWISP_CONTROLLER_WHOIS_ENABLED", "yes", "must be True or False"),
        ("OPENWISP_CONTROLLER_WHOIS_ENABLED", True, "OPENWISP_CONTROLLER_WHOIS_GEOIP_KEY must be set"),
        ("OPENWISP_CONTROLLER_WHOIS_ENABLED", True, "so OPENWISP_CONTROLLER_WHOIS_GEOIP_ACCOUNT and"),
        ("OPENWISP_CONTROLLER_WHOIS_GEOIP_ACCOUNT", 12345, "must be a text, not int"),
        ("OPENWISP_CONTROLLER_WHOIS_GEOIP_HOST", "https://geolite.info", "without https://"),
        ("OPENWISP_CONTROLLER_WHOIS_GEOIP_HOST", "geolite.info/path", "a host such as geolite.info"),
        ("OPENWISP_CONTROLLER_WHOIS_TIMEOUT", 0, "number of seconds above zero"),
        ("OPENWISP_CONTROLLER_WHOIS_REFRESH_THRESHOLD_DAYS", 0, "whole number above zero"),
        ("OPENWISP_CONTROLLER_WHOIS_REFRESH_THRESHOLD_DAYS", 1.5, "whole number above zero"),
        ("OPENWISP_CONTROLLER_WHOIS_REFRESH_THRESHOLD_DAYS", True, "whole number above zero"),
        ("OPENWISP_SSH_AUTH_TIMEOUT", "2", "number of seconds above zero"),
        ("OPENWISP_CONTROLLER_USER_COMMANDS", [5], "(name, dictionary) pairs"),
        ("OPENWISP_CONTROLLER_USER_COMMANDS", [("ping", {"label": "Ping"})], "lacks schema, callable"),
        ("OPENWISP_CONTROLLER_USER_COMMANDS", [("ping", {**COMMAND, "schema": {"type": "x"}})], "command ping whose"),
        ("OPENWISP_CONTROLLER_ORGANIZATION_ENABLED_COMMANDS", {"acme": "*"}, "the key 'acme': write the UUID"),
        ("OPENWISP_CONTROLLER_ORGANIZATION_ENABLED_COMMANDS", {"__all__": "reboot"}, "list of command names"),
        ("OPENWISP_CONTROLLER_API_HOST", "example.org", "an origin such as https://"),
        ("OPENWISP_CONTROLLER_SUBNET_DIVISION_TYPES", 5, "(path, label) pairs"),
    ],
)
def test_unusable_values_are_refused(name: str, value: Any, reason: str, settings: Any) -> None:
    setattr(settings, name, value)
    with pytest.raises(ImproperlyConfigured) as refused:
        verify()
    assert str(refused.value).startswith(name)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENWISP_CONTROLLER_DEFAULT_BACKEND", None),
        ("OPENWISP_CONTROLLER_DEFAULT_VPN_BACKEND", None),
        ("OPENWISP_CONTROLLER_API_TASK_RETRY_OPTIONS", {"max_retries": 3, "retry_backoff": 2, "queue": "vpn"}),
        ("OPENWISP_CONTROLLER_USER_COMMANDS", [("ping", COMMAND)]),
        ("OPENWISP_CONTROLLER_ORGANIZATION_ENABLED_COMMANDS", {"__all__": (), UUID: "*"}),
        ("OPENWISP_CONTROLLER_HARDWARE_ID_OPTIONS", {"max_length": 64, "verbose_name": "Asset"}),
        ("OPENWISP_CONTROLLER_DSA_OS_MAPPING", {"netjsonconfig.OpenWrt": {">=21.02": [r"MyOS 2.*"], "<21.02": []}}),
    ],
)  # fmt: skip
def test_usable_values_are_taken(name: str, value: Any, settings: Any) -> None:
    setattr(settings, name, value)
    verify()
    assert checks.run_checks() == []


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("OPENWISP_CONTROLLER_BACKENDS", (("netjsonconfig.OpenWrt", "x"), ("no.Such", "y")), "'no.Such'"),
        ("OPENWISP_CONTROLLER_VPN_BACKENDS", (("netjsonconfig.NoSuch", "x"),), "'netjsonconfig.NoSuch'"),
        ("OPENWISP_CONNECTORS", (("no.Such", "x"),), "'no.Such'"),
        ("OPENWISP_UPDATE_STRATEGIES", (("no.Such", "x"),), "'no.Such'"),
        ("OPENWISP_CONFIG_UPDATE_MAPPING", {"netjsonconfig.OpenWrt": "nothing"}, "'nothing'"),
        ("OPENWISP_CONTROLLER_USER_COMMANDS", [("ping", {**COMMAND, "callable": "no.such"})], "'no.such'"),
        ("OPENWISP_UPDATE_CONFIG_MODEL", "config.Router", "'config.Router', which is no model"),
        ("OPENWISP_CONTROLLER_COMMON_NAME_FORMAT", "{serial}", "'{serial}', which cannot be used"),
        ("OPENWISP_CONTROLLER_ORGANIZATION_ENABLED_COMMANDS", {"__all__": ["ping"]}, "unknown commands: ping"),
    ],
)
def test_what_leads_nowhere_is_named_by_the_system_checks(name: str, value: Any, reason: str, settings: Any) -> None:
    setattr(settings, name, value)
    (error,) = (error for error in checks.run_checks() if reason in error.msg)
    assert error.is_serious()
    assert error.msg.startswith(name)


def test_types_of_rules_that_cannot_be_imported_are_refused(settings: Any) -> None:
    settings.OPENWISP_CONTROLLER_SUBNET_DIVISION_TYPES = (("no.Such", "x"),)
    with pytest.raises(ImproperlyConfigured, match=r"SUBNET_DIVISION_TYPES cannot be imported: No module named 'no'"):
        rules.types()
