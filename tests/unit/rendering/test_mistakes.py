"""Every mistake is told where it really is, with its value, and secrets are kept."""

from __future__ import annotations

from typing import Any

import pytest

from openwisp_controller.rendering import InvalidConfiguration, Stack

from .corpus import INVALID
from .corpus.case import Case

OPENWRT = "netjsonconfig.OpenWrt"
WIFI = {"mode": "access_point", "radio": "radio0", "ssid": "net"}


def wifi(**wireless: Any) -> dict[str, Any]:
    return {"interfaces": [{"name": "wlan0", "type": "wireless", "wireless": {**WIFI, **wireless}}]}


def mistakes(config: dict[str, Any], context: dict[str, Any] | None = None) -> dict[str, str]:
    with pytest.raises(InvalidConfiguration) as error:
        Stack(OPENWRT).render(config, context or {})
    return {"/".join(map(str, mistake.path)): mistake.text for mistake in error.value.mistakes}


@pytest.mark.parametrize(("config", "path", "text"), [
    (wifi(ssid="x" * 33), "interfaces/0/wireless/ssid", f"'{'x' * 33}' is too long: it has 33 characters, at most "
        "32 characters are possible"),
    ({"interfaces": [{"name": "eth0", "type": "cable"}]}, "interfaces/0/type", "'cable' is not one of ['ethernet', "
        "'virtual', 'loopback', 'other', 'wireless', 'bridge', 'dialup', 'modem-manager', 'vxlan', 'wireguard', "
        "'8021q', '8021ad']"),
    ({"interfaces": [{"name": "eth0", "type": "ethernet", "mtu": 5}]}, "interfaces/0/mtu", "5 is too small: it must be "
        "at least 68"),
    ({"radios": [{"name": "radio0", "protocol": "802.11n", "channel": 15, "channel_width": 20}]}, "radios/0/channel",
        "15 is not one of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]"),
    ({"interfaces": [{"name": "lan", "type": "bridge"}]}, "interfaces/0", "'bridge_members' is a required property"),
    ({"dns_servers": ["1.1.1.1"] * 2}, "dns_servers", "the list has the same element more than once"),
])  # fmt: skip
def test_innermost(config: dict[str, Any], path: str, text: str) -> None:
    assert mistakes(config) == {path: text}


def test_all_at_once() -> None:
    address = {"proto": "static", "family": "ipv4", "address": "10.0.0.256", "mask": "24"}
    found = mistakes({
        "general": {"hostname": "a b"},
        "interfaces": [{"name": "e" * 16, "type": "ethernet", "addresses": [address]}, {"name": "eth1", "type": "x"}],
        "radios": 5,
    })  # fmt: skip
    assert list(found) == [
        "general/hostname", "interfaces/0/addresses/0/address", "interfaces/0/addresses/0/mask", "interfaces/0/name",
        "interfaces/1/type", "radios",
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["short", "{{ wifi }}"])
def test_secrets_are_not_told(key: str) -> None:
    found = mistakes(wifi(encryption={"protocol": "wpa2_personal", "key": key}), {"wifi": "short"})
    (text,) = found.values()
    assert "short" not in text.replace("too short", "")
    assert "at least 8 characters" in text


def test_values_of_secret_variables_are_not_told_in_any_field() -> None:
    (text,) = mistakes({"general": {"hostname": "a-{{ wifi_password }}"}}, {"wifi_password": "top secret"}).values()
    assert text == "a value (not shown) is not a 'hostname' (made of the variable wifi_password)"


@pytest.mark.parametrize("case", INVALID, ids=str)
def test_no_mistake_tells_a_whole_structure(case: Case) -> None:
    with pytest.raises(InvalidConfiguration) as error:
        Stack(case.backend, case.templates, dsa=case.dsa).render(case.config, case.context)
    assert not any("{'" in mistake.text for mistake in error.value.mistakes)


def test_the_number_of_mistakes_is_limited() -> None:
    found = mistakes({"dns_servers": list(range(50))})
    assert len(found) == 21
    assert found[""] == "and 30 more mistakes"
