"""The layer that made a configuration invalid is found."""

from __future__ import annotations

from typing import Any

import pytest

from openwisp_controller.rendering import Blame, UnknownBackend, explain

OPENWRT = "netjsonconfig.OpenWrt"
Layers = list[tuple[str, dict[str, Any]]]
GOOD: tuple[str, dict[str, Any]] = ("good", {"general": {"hostname": "ab"}})


def radio(**more: Any) -> dict[str, Any]:
    return {"name": "radio0", "protocol": "802.11n", "channel": 3, "channel_width": 20, **more}


def test_valid_configurations_have_nobody_to_blame() -> None:
    assert explain(OPENWRT, [], {}) is None
    assert explain(OPENWRT, [GOOD, ("device", {})], {}) is None


def test_the_variable_is_named() -> None:
    interface = {"name": "{{ ifname }}", "type": "ethernet", "other": "{{ other }}"}
    layers: Layers = [GOOD, ("wifi", {"general": {"maintainer": "{{ x }}"}, "ntp": {"server": ["a.b",
        "{{ ntp }}"]}}),
              ("device", {"interfaces": [interface]})]  # fmt: skip
    context = {"ntp": "not a host", "ifname": "eth0", "other": "x", "x": "y"}
    assert explain(OPENWRT, layers, context) == Blame(
        layer="wifi",
        path=("ntp", "server", 1),
        variables=("ntp",),
        message='Template "wifi" makes the configuration invalid at "#/ntp/server/1": '
        "'not a host' is not a 'hostname' (made of the variable ntp). Variables used there: ntp.",
    )


def test_the_first_of_several_is_blamed_and_no_variable_is_invented() -> None:
    layers: Layers = [
        GOOD,
        ("first", {"radios": [radio(channel=99)]}),
        ("second", {"general": []}),
        ("device", {}),
    ]
    blame = explain(OPENWRT, layers, {})
    assert blame is not None
    assert (blame.layer, blame.path, blame.variables) == ("first", ("radios", 0, "channel"), ())
    assert "Variables" not in blame.message
    assert "Invalid as well at \"#/\": Incompatible type for 'general'" in blame.message


def test_a_layer_completed_later_is_not_to_blame() -> None:
    layers = [("half", {"radios": [{"name": "radio0", "channel": 3}]}), ("rest", {"radios": [radio()]})]
    assert explain(OPENWRT, layers, {}) is None
    blame = explain(OPENWRT, [*layers, ("device", {"general": {"hostname": "a b"}})], {})
    assert blame is not None
    assert (blame.layer, blame.path) == ("device", ("general", "hostname"))
    assert blame.message.startswith('Configuration "device" makes the configuration invalid at "#/general/hostname"')


def test_a_half_layer_is_not_blamed_for_what_another_breaks() -> None:
    half = ("half", {"radios": [{"name": "radio0", "protocol": "802.11n", "channel": 3}]})
    rest = ("rest", {"radios": [{"name": "radio0", "channel_width": 20}], "general": {"hostname": "a b"}})
    blame = explain(OPENWRT, [half, rest, ("device", {})], {})
    assert blame is not None
    assert (blame.layer, blame.path) == ("rest", ("general", "hostname"))


def test_conflicts_and_limits_are_blamed_too() -> None:
    blame = explain(OPENWRT, [("a", {"x": []}), ("b", {"x": {}}), ("device", {})], {})
    assert blame is not None
    assert (blame.layer, blame.path) == ("b", ())
    assert "Incompatible type for 'x'" in blame.message
    blame = explain(OPENWRT, [GOOD, ("device", {"pkg": ["{{ big }}" * 100]})], {"big": "x" * 100_000})
    assert blame is not None
    assert blame.layer == "device"
    assert 'Variable "big"' in blame.message


def test_dsa_reaches_the_backend_and_unknown_backends_are_errors() -> None:
    assert explain("netjsonconfig.Wireguard", [("device", {"wireguard": []})], {}, dsa=True) is None
    with pytest.raises(UnknownBackend):
        explain("no.where", [GOOD], {})


def test_what_was_healed_once_is_not_blamed_for_the_same_place() -> None:
    half = ("half", {"radios": [{"name": "radio0", "channel": 3}]})
    rest, third = ("rest", {"radios": [radio()]}), ("third", {"radios": [{"name": "radio0", "channel": 99}]})
    blame = explain(OPENWRT, [half, rest, third, ("device", {})], {})
    assert blame is not None
    assert (blame.layer, blame.path) == ("third", ("radios", 0, "channel"))
