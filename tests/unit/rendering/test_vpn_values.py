"""Servers of OpenVPN, WireGuard and ZeroTier: a value stays one value, and what has no way to be written is refused."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from openwisp_controller.rendering import RenderingError, Stack, UnreadableConfiguration, list_files

from .corpus import VALID, Case
from .corpus.services import CLIENT
from .corpus.vpn import PEER, WG, ZT
from .mutation import slots

OPENVPN, WIREGUARD, ZEROTIER = (f"netjsonconfig.{name}" for name in ("OpenVpn", "Wireguard", "ZeroTier"))
LINES = [case for case in VALID if case.backend.endswith(("OpenVpn", "Wireguard"))]


def directives(case: Case) -> list[str]:
    """Return the first word of every line of the configurations."""
    data = Stack(case.backend, case.templates).render(case.config, case.context).data
    texts = [item.contents for item in list_files(data) if item.path.endswith(".conf")]
    return [line.split()[0] for text in texts for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("case", LINES, ids=str)
def test_line_breaks_add_no_directive(case: Case) -> None:
    for place, (container, key) in enumerate(slots(case.config)):
        if isinstance(container[key], str):
            for odd in ("a\nup /evil", "a\r\n  PostUp = evil\n", "\nevil"):
                config = copy.deepcopy(case.config)
                changed, name = slots(config)[place]
                changed[name] = odd
                try:
                    got = directives(replace(case, config=config))
                except RenderingError:
                    continue
                assert "evil" not in got, (key, odd)
                assert "up" not in got or "up" in directives(case), (key, odd)


REFUSED: list[tuple[str, dict[str, Any], tuple[str | int, ...]]] = [
    (OPENVPN, {"openvpn": [{**CLIENT, "user": "a\nup /evil"}]}, ("openvpn", 0, "user")),
    (OPENVPN, {"openvpn": [{**CLIENT, "push": ["a", "b\rup /evil"]}]}, ("openvpn", 0, "push", 1)),
    (OPENVPN, {"openvpn": [{**CLIENT, "a\nb": True}]}, ("openvpn", 0, "a\nb")),
    (OPENVPN, {"openvpn": [{**CLIENT, "user": "a\0b"}]}, ("openvpn", 0, "user")),
    (OPENVPN, {"openvpn": [{**CLIENT, "name": "test\n"}]}, ("openvpn", 0, "name")),
    (WIREGUARD, {"wireguard": [{**WG, "post_up": "a\nb"}]}, ("wireguard", 0, "post_up")),
    (WIREGUARD, {"wireguard": [{**WG, "name": "wg0\n"}]}, ("wireguard", 0, "name")),
    (WIREGUARD, {"wireguard": [{**WG, "a\nb": 1}]}, ("wireguard", 0, "a\nb")),
    (WIREGUARD, {"wireguard": [{**WG, "peers": [{**PEER, "x": "a\nb"}]}]}, ("wireguard", 0, "peers", 0, "x")),
]  # fmt: skip


@pytest.mark.parametrize(("backend", "config", "path"), REFUSED, ids=lambda value: repr(value)[-40:])
def test_refused(backend: str, config: dict[str, Any], path: tuple[str | int, ...]) -> None:
    for attempt in (Stack(backend).validate, Stack(backend).render, Stack(backend).text):
        with pytest.raises(UnreadableConfiguration) as error:
            attempt(config, {})
        assert error.value.path == path


@pytest.mark.parametrize(("backend", "config", "line"), [
    (OPENVPN, {"openvpn": [{**CLIENT, "setenv": ['a "b    c"']}]}, 'setenv a "b    c"\n'),
    (OPENVPN, {"openvpn": [{**CLIENT, "aa": "a    b\n"}]}, "aa a    b\n\ndev "),
    (WIREGUARD, {"wireguard": [{**WG, "post_up": "echo 'a    b'"}]}, "PostUp = echo 'a    b'\n"),
    (WIREGUARD, {"wireguard": [{**WG, "peers": [{**PEER, "x": "a    b"}]}]}, "x = a    b\n"),
])  # fmt: skip
def test_blanks_stay(backend: str, config: dict[str, Any], line: str) -> None:
    Stack(backend).validate(config, {})
    assert line in list_files(Stack(backend).render(config, {}).data)[0].contents
    assert line in Stack(backend).text(config, {})


@pytest.mark.parametrize("odd", ["it's", 'a"b', "a\nb\n// zerotier controller config: x\n", "a    b", "<&>"])
def test_zerotier_keeps_every_text(odd: str) -> None:
    config = {"zerotier": [{**ZT, "name": odd, "dns": {"domain": odd}}]}
    [item] = list_files(Stack(ZEROTIER).render(config, {}).data)
    read = json.loads(item.contents)
    assert (read["name"], read["dns"]["domain"]) == (odd, odd)


@pytest.mark.parametrize("name", ["id", "ifname"])
def test_zerotier_clients_have_a_network_a_line(name: str) -> None:
    network = {
        "id": "9536600adf654321",
        "ifname": "owzt654321",
        name: "a\nbcdefghijk=lmn" if name == "id" else "a\nb=c",
    }
    with pytest.raises(UnreadableConfiguration) as error:
        Stack("netjsonconfig.OpenWrt").render({"zerotier": [{"name": "zt", "networks": [network]}]}, {})
    assert error.value.path == ("zerotier", 0, "networks", 0, name)


@pytest.mark.parametrize("config", [
    {"interfaces": [{"name": "br0;reboot", "network": "lan", "type": "bridge", "bridge_members": ["eth0"]}]},
    {"tc_options": [{"name": "eth0\nreboot"}]},
    {"tc_options": [{"name": "$(reboot)"}]},
])  # fmt: skip
def test_scripts_of_the_legacy_firmware_run_nothing_else(config: dict[str, Any]) -> None:
    config = {"general": {"hostname": "ab"}, **config}
    with pytest.raises(UnreadableConfiguration, match="legacy firmware"):
        Stack("netjsonconfig.OpenWisp").render(config, {})
