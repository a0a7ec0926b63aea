"""Names that the device refuses are refused here, at the place where they were written; two things never become one."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from openwisp_controller.rendering import InvalidConfiguration, Stack, UnreadableConfiguration, explain
from openwisp_controller.uci import UciSection

from .corpus import VALID
from .corpus.case import dhcp, static
from .corpus.services import KEY, block
from .corpus.wifi import radio, wifi
from .mutation import slots
from .reference import read

OPENWRT, LEGACY = "netjsonconfig.OpenWrt", "netjsonconfig.OpenWisp"


def ethernet(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "ethernet", **more}


def peer(interface: str) -> dict[str, Any]:
    return {"interface": interface, "public_key": KEY, "allowed_ips": ["10.0.0.0/8"]}


ROUTE = {"device": "eth0", "destination": "10.0.0.0/8", "next": "10.0.0.1", "cost": 1}
SWITCH = {"name": "sw:0", "reset": True, "enable_vlan": True, "vlan": []}
WIFI = wifi()["wireless"]
REFUSED: list[tuple[dict[str, Any], tuple[str | int, ...]]] = [
    ({"pkg": [block("t", "my.sect-ion x")]}, ("pkg", 0, "config_value")),
    ({"pkg": [block("t", "größe")]}, ("pkg", 0, "config_value")),
    ({"pkg": [block("t", "a'b")]}, ("pkg", 0, "config_value")),
    ({"pkg": [block("t"), block("t x")]}, ("pkg", 1, "config_name")),
    ({"pkg": [block("t\n", "x")]}, ("pkg", 0, "config_name")),
    ({"pkg": [block("ü", "x")]}, ("pkg", 0, "config_name")),
    ({"pkg": [block("", "x")]}, ()),
    ({"pkg": [block("t", **{"a b": "1"})]}, ("pkg", 0, "a b")),
    ({"pkg": [block("t", **{"a-b": ["1"]})]}, ("pkg", 0, "a-b")),
    ({"pkg": [block("t", **{"a\n\toption b": 1})]}, ("pkg", 0, "a\n\toption b")),
    ({"pkg": [block("t", **{"": True})]}, ()),
    ({"my pkg": [block("t")]}, ("my pkg",)),
    ({"pkg.x": [block("t")]}, ("pkg.x",)),
    ({"pkg\npackage x": [block("t")]}, ("pkg\npackage x",)),
    ({"{{ v }}": [block("t")]}, ("{{ v }}",)),
    ({"interfaces": [ethernet("eth0:1")]}, ("interfaces", 0, "name")),
    ({"interfaces": [ethernet("eth0\n")]}, ("interfaces", 0, "name")),
    ({"interfaces": [ethernet("eth0", **{"my-option": 1})]}, ("interfaces", 0, "my-option")),
    ({"interfaces": [wifi(id="my wifi")]}, ("interfaces", 0, "wireless", "id")),
    ({"interfaces": [wifi(**{"my wifi": "x"})]}, ("interfaces", 0, "wireless", "my wifi")),
    ({"general": {"id": "my-system"}}, ("general", "id")),
    ({"general": {"some thing": "x"}}, ("general", "some thing")),
    ({"general": {"ula_prefix": "fd00::/48", "globals_id": "x y"}}, ("general", "globals_id")),
    ({"ntp": {"id": "n t p", "enabled": True}}, ("ntp", "id")),
    ({"radios": [{**radio("802.11n", 3, 20), "name": "radio:0"}]}, ("radios", 0, "name")),
    ({"led": [{"name": "my led", "sysfs": "a", "trigger": "b"}]}, ("led", 0, "name")),
    ({"routes": [{**ROUTE, "name": "my route"}]}, ("routes", 0, "name")),
    ({"ip_rules": [{"name": "my rule", "src": "10.0.0.0/8"}]}, ("ip_rules", 0, "name")),
    ({"switch": [SWITCH]}, ("switch", 0, "name")),
    ({"wireguard_peers": [peer("wg:0")]}, ("wireguard_peers", 0, "interface")),
]  # fmt: skip


@pytest.mark.parametrize(("config", "path"), REFUSED, ids=lambda value: repr(value)[:60])
@pytest.mark.parametrize("backend", [OPENWRT, LEGACY])
def test_refused_names(backend: str, config: dict[str, Any], path: tuple[str | int, ...]) -> None:
    if backend == LEGACY:
        config = {**config, "general": {"hostname": "ab", **config.get("general", {})}}
    for attempt in (Stack(backend).validate, Stack(backend).render, Stack(backend).text):
        with pytest.raises(UnreadableConfiguration) as error:
            attempt(config, {})
        assert error.value.path == path
        assert "cannot be the" in error.value.detail


def test_every_text_as_a_name() -> None:
    """Whatever stands where, what is rendered can be read, and its names are good."""
    refused = 0
    for case in VALID:
        if case.backend in (OPENWRT, LEGACY) and "many interfaces" not in case.name:
            for place, (container, key) in enumerate(slots(case.config)):
                if isinstance(container[key], str):
                    for odd in ("a b:c", "x'y", "ab\n"):
                        config = copy.deepcopy(case.config)
                        changed, name = slots(config)[place]
                        changed[name] = odd
                        try:
                            data = Stack(case.backend, case.templates, dsa=case.dsa).render(config, case.context).data
                        except UnreadableConfiguration:
                            refused += 1
                        except Exception:  # the schema, or the converters
                            continue
                        else:
                            read(data)
    assert refused > 100


@pytest.mark.parametrize("kind", ["a.b-c", "wireguard_wg0", "a:b/c(d)"])
def test_types_may_have_any_visible_character(kind: str) -> None:
    assert f"\nconfig {kind} 's'" in Stack(OPENWRT).text({"pkg": [block(kind, "s")]}, {})


@pytest.mark.parametrize("kind", ["it's", 'a"b', "a;b", "a#b", "a\\b"])
@pytest.mark.parametrize("backend", [OPENWRT, LEGACY])
def test_types_that_need_quotes_have_them(backend: str, kind: str) -> None:
    config = {"general": {"hostname": "ab"}, "pkg": [block(kind, "s", a="b")]}
    assert read(Stack(backend).render(config, {}).data)["pkg"].sections[0].type == kind


def test_a_variable_that_has_no_value_yet_may_stand_for_a_name() -> None:
    config = {"pkg": [block("{{ kind }}", "{{ name }}"), block("t", "a{{ größe }}"), block("t", "b{{}}")]}
    with pytest.raises(UnreadableConfiguration) as error:
        Stack(OPENWRT).validate(config, {"name": "a b", "kind": "t"})
    assert error.value.path == ("pkg", 0, "config_value")
    del config["pkg"][2]
    Stack(OPENWRT).validate(config, {})
    with pytest.raises(UnreadableConfiguration):
        Stack(OPENWRT).render(config, {})


def test_the_template_is_named() -> None:
    good, bad = ("good", {"pkg": [block("t", "x", a="1")]}), ("bad", {"pkg": [block("t", "{{ v }}", a="2")]})
    blame = explain(OPENWRT, [good, bad, ("last", {"ntp": {}}), ("device", {})], {"v": "a:b"})
    assert blame is not None
    assert (blame.layer, blame.path, blame.variables) == ("bad", ("pkg", 1, "config_value"), ("v",))
    assert blame.message.startswith('Template "bad" makes the configuration invalid at "#/pkg/1/config_value": "a:b"')


def test_a_template_whose_own_fault_is_mended_later_is_not_named() -> None:
    """Neither error has a place, but they are two."""
    half = ("half", {"pkg": [block("t", "s", **{"": "x"})]})
    rest = ("rest", {"pkg": [block("t", "s", **{"": None})], "more": [block("", "s")]})
    blame = explain(OPENWRT, [half, rest], {})
    assert blame is not None
    assert (blame.layer, blame.path) == ("rest", ())


def vlan(network: str, vid: int) -> dict[str, Any]:
    return {"name": "eth0", "type": "8021q", "vid": vid, "network": network}


def network(config: dict[str, Any], dsa: bool = True) -> list[UciSection]:
    """Return the sections of the package ``network`` as the router reads them."""
    return read(Stack(OPENWRT, dsa=dsa).render(config, {}).data)["network"].sections


@pytest.mark.parametrize("first", ["lan", "iot", "guest", "a_1", "nal_x"])
@pytest.mark.parametrize("second", ["vlan", "liot", "vguest", "vlan_a_1", "anal_x", "lan", "_l"])
@pytest.mark.parametrize("more", [{}, {"general": {"ula_prefix": "fd00::/48"}}, {"routes": [{**ROUTE, "name": "r"}]}])
def test_vlans_stay_apart(first: str, second: str, more: dict[str, Any]) -> None:
    if first == second:
        second = "n"
    config = {"interfaces": [vlan(first, 1), vlan(second, 2), ethernet("xy", network="other", mtu=1400)], **more}
    sections = network(config)
    devices = [section.options["name"] for section in sections if section.type == "device"]
    assert devices == ["eth0.1", "eth0.2", "xy"]
    used = {s.name: s.options.get("device") for s in sections if s.type == "interface"}
    assert used == {first: "eth0.1", second: "eth0.2", "other": "xy"}


def test_a_vlan_and_another_device_stay_apart() -> None:
    config = {"interfaces": [vlan("liot", 1), ethernet("eth1", network="iot", mtu=1400)]}
    sections = network(config)
    devices = [(section.name, section.options["name"]) for section in sections if section.type == "device"]
    assert devices == [("device_iot", "eth0.1"), ("device_iot_2", "eth1")]


def test_network_names_of_vlans_are_made_valid_like_all_others() -> None:
    sections = network({"interfaces": [vlan("my-lan.1", 1)]})
    assert [section.name for section in sections] == ["device_my_lan_1", "my_lan_1"]


def test_peers_belong_to_an_interface_with_dots() -> None:
    interface = {"name": "wg0.1-a", "type": "wireguard", "private_key": KEY, "addresses": []}
    config = {
        "interfaces": [interface],
        "wireguard_peers": [peer("wg0.1-a"), {**peer("wg0.1-a"), "allowed_ips": ["10.1.0.0/16"]}],
    }
    sections = network(config)
    assert [(s.type, s.name) for s in sections] == [
        ("interface", "wg0_1_a"),
        ("wireguard_wg0_1_a", "wgpeer_wg0_1_a"),
        ("wireguard_wg0_1_a", "wgpeer_wg0_1_a_2"),
    ]


APART: list[dict[str, Any]] = [
    {"pkg": [block("t", "a-b", x="1"), block("t", "a.b", x="2")]},
    {"pkg": [block("t", x="1"), block("t", "t_1", x="2")]},
    {"pkg": [block("t", "t_2", x="1"), block("t", x="2")]},
    {"pkg": [block("t", "a", x="1"), block("u", "a", x="2")]},
    {"interfaces": [ethernet("eth0.1"), ethernet("eth0-1")]},
    {"interfaces": [ethernet("eth0", network="lan"), ethernet("eth1", network="lan")]},
    {"interfaces": [wifi(id="x"), {**wifi(id="x"), "name": "wlan1"}]},
    {"interfaces": [ethernet("eth0", network="r")], "routes": [{**ROUTE, "name": "r"}]},
    {"interfaces": [ethernet("eth0", addresses=[static("10.0.0.1"), dhcp()]), ethernet("eth0_2")]},
    {"interfaces": [ethernet("eth0", network="lan")], "network": [block("device", "lan", name="x")]},
    {"general": {"ula_prefix": "fd00::/48", "globals_id": "lan"}, "interfaces": [ethernet("lan")]},
    {"wireguard_peers": [peer("wg_3"), peer("xy"), peer("wg")]},
    {"led": [{"name": n, "sysfs": "a", "trigger": "b"} for n in ("Power", "power")]},
]  # fmt: skip


@pytest.mark.parametrize("config", APART, ids=lambda config: repr(config)[:70])
@pytest.mark.parametrize("dsa", [True, False])
def test_two_sections_never_become_one(config: dict[str, Any], dsa: bool) -> None:
    with pytest.raises(InvalidConfiguration, match="Two different sections of the UCI package"):
        Stack(OPENWRT, dsa=dsa).render(config, {})


def test_devices_and_interfaces_stay_apart() -> None:
    config = {"interfaces": [ethernet("lan", network="device_xy"), ethernet("xy", mtu=1400)]}
    with pytest.raises(InvalidConfiguration, match='"device_xy", so the device would take them for one'):
        Stack(OPENWRT, dsa=True).render(config, {})
    assert Stack(OPENWRT, dsa=False).render(config, {})


def test_what_is_generated_can_be_overridden_by_name() -> None:
    config = {
        "interfaces": [ethernet("eth0", network="lan"), ethernet("eth0", network="lan", mtu=1400)],
        "network": [block("interface", "lan", metric="5", device="eth9")],
    }
    sections = network(config)
    options = next(section.options for section in sections if section.name == "lan")
    assert (options["metric"], options["device"]) == ("5", "eth9")


@pytest.mark.parametrize("dsa", [True, False])
@pytest.mark.parametrize("name", ["vxlan", "vxlan0", "br-lan.5"])
def test_vxlan_interfaces_are_named_by_ifname(dsa: bool, name: str) -> None:
    bridge = {"name": "br-lan", "type": "bridge", "bridge_members": ["eth0"], "vlan_filtering": [{"vlan": 5}]}
    tunnel = {"name": name, "type": "vxlan", "vtep": "10.0.0.1", "port": 4789, "vni": 1, "tunlink": "wg0"}
    sections = network({"interfaces": [bridge, {**tunnel, "network": "vx", "mtu": 1280}]}, dsa)
    options = next(section.options for section in sections if section.name == "vx")
    assert (options["ifname"], options["proto"], options["mtu"]) == (name, "vxlan", "1280")
    assert "device" not in options
