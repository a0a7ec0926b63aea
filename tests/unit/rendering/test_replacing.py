"""A key with an exclamation mark replaces what earlier templates have."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from openwisp_controller.rendering import InvalidConfiguration, Stack

from .corpus import VALID
from .corpus.case import Case

OPENWRT = "netjsonconfig.OpenWrt"
LAN = {"name": "lan", "type": "ethernet", "addresses": [{"proto": "dhcp", "family": "ipv4"}]}
STATIC = {"proto": "static", "family": "ipv4", "address": "10.0.0.1", "mask": 24}


@pytest.mark.parametrize(("templates", "config", "merged"), [
    ([{"dns_servers": ["1.1.1.1"]}], {"dns_servers!": ["8.8.8.8"]}, {"dns_servers": ["8.8.8.8"]}),
    ([{"dns_servers": ["1.1.1.1"]}], {"dns_servers!": []}, {"dns_servers": []}),
    ([{"dns_servers": ["1.1.1.1"]}, {"dns_servers!": ["8.8.8.8"]}], {"dns_servers": ["9.9.9.9"]},
        {"dns_servers": ["8.8.8.8", "9.9.9.9"]}),
    ([], {"dns_servers!": ["8.8.8.8"]}, {"dns_servers": ["8.8.8.8"]}),
    ([{"interfaces": [LAN]}], {"interfaces": [{"name": "lan", "addresses!": [STATIC]}]},
        {"interfaces": [{**LAN, "addresses": [STATIC]}]}),
    ([{"interfaces": [LAN]}], {"interfaces!": [{"name": "wan", "type": "ethernet", "addresses!": [STATIC]}]},
        {"interfaces": [{"name": "wan", "type": "ethernet", "addresses": [STATIC]}]}),
    ([], {"interfaces": [{"name": "wan", "type": "ethernet", "addresses!": []}]},
        {"interfaces": [{"name": "wan", "type": "ethernet", "addresses": []}]}),
    ([{"ntp": {"enabled": True, "server": ["a.org"]}}], {"ntp": {"server!": ["b.org"]}},
        {"ntp": {"enabled": True, "server": ["b.org"]}}),
    ([{"ntp": {"enabled": True, "server": ["a.org"]}}], {"ntp!": {"server": ["b.org"]}},
        {"ntp": {"server": ["b.org"]}}),
    ([{"x": [{"name": "a!", "l": [1]}]}], {"x": [{"name": "a!", "l!": [2]}]}, {"x": [{"name": "a!", "l": [2]}]}),
])  # fmt: skip
def test_merging(templates: list[dict[str, Any]], config: dict[str, Any], merged: dict[str, Any]) -> None:
    before = deepcopy((templates, config))
    assert Stack(OPENWRT, templates).merge(config) == merged
    assert (templates, config) == before


@pytest.mark.parametrize("case", VALID, ids=str)
def test_nothing_is_left_of_what_is_replaced(case: Case) -> None:
    """The whole configuration with marks everywhere is the same over any templates as without marks over none."""

    def marked(value: dict[str, Any]) -> dict[str, Any]:
        return {f"{key}!": item for key, item in value.items()}

    alone = Stack(case.backend, dsa=case.dsa).merge(case.config)
    over = Stack(case.backend, [case.config, *case.templates], dsa=case.dsa).merge(marked(case.config))
    assert {key: over[key] for key in alone} == alone


def test_both_at_once_are_refused() -> None:
    with pytest.raises(InvalidConfiguration, match="Either 'dns_servers' or 'dns_servers!' is possible, not both"):
        Stack(OPENWRT).merge({"dns_servers": [], "dns_servers!": []})


def test_lists_still_do_not_meet_objects() -> None:
    with pytest.raises(InvalidConfiguration, match="Incompatible type for 'a'"):
        Stack(OPENWRT, [{"a": []}]).merge({"a": {"b!": []}})
