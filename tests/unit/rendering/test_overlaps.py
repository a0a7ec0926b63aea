"""What each template changes of those before it."""

from __future__ import annotations

from typing import Any

import pytest

from openwisp_controller.rendering import UnknownBackend, find_overlaps

BACKEND = "netjsonconfig.OpenWrt"


def told(*layers: Any) -> list[list[tuple[str, int, bool]]]:
    found = find_overlaps(BACKEND, layers)
    return [[(each.setting, each.earlier, each.is_override) for each in layer.overlaps] for layer in found]


def test_values() -> None:
    first = {"general": {"description": "a", "timezone": "UTC"}}
    second = {"general": {"description": "b", "maintainer": "c"}}
    third = {"general": {"description": "d", "timezone": "UTC"}}
    assert told(first, second, third) == [[], [("description", 0, True)], [("description", 1, True)]]


def test_equal_values_are_none() -> None:
    layer = {"general": {"description": "a"}, "dns_servers": ["192.0.2.1"], "radios": [{"name": "radio0"}]}
    assert told(layer, layer) == [[], []]


def test_items_with_a_name_are_told_by_it() -> None:
    first = {"radios": [{"name": "radio0", "channel": 1}, {"name": "radio1", "channel": 36}]}
    changed = {"radios": [{"name": "radio0", "channel": 6, "country": "IT"}]}
    added = {"radios": [{"name": "radio1", "country": "IT"}, {"name": "radio2"}]}
    assert told(first, changed, added) == [[], [("radio0", 0, True)], [("radio1", 0, False)]]
    [overlap] = find_overlaps(BACKEND, [first, changed])[1].overlaps
    assert ("radios", "radio0", "channel") in overlap.paths


def test_all_who_brought_something_to_an_item_are_told() -> None:
    first = {"radios": [{"name": "radio0", "channel": 1}]}
    second = {"radios": [{"name": "radio0", "country": "IT"}]}
    third = {"radios": [{"name": "radio0", "country": "DE", "disabled": True}]}
    assert told(first, second, third)[2] == [("radio0", 1, True), ("radio0", 0, False)]


def test_parts_of_interfaces() -> None:
    first = {"interfaces": [{"name": "eth0", "type": "ethernet", "addresses": [{"proto": "dhcp", "family": "ipv4"}]}]}
    second = {"interfaces": [{"name": "eth0", "addresses": [{"proto": "dhcp", "family": "ipv6"}]}]}
    assert told(first, second) == [[], [("eth0", 0, False)]]


def test_lists_without_names() -> None:
    layers: list[Any] = [{"dns_servers": [f"192.0.2.{number}"]} for number in range(3)]
    assert told(*layers) == [[], [("dns_servers", 0, False)], [("dns_servers", 0, False), ("dns_servers", 1, False)]]
    assert told(*layers[:2], {"dns_servers!": []})[2] == [("dns_servers", 0, True), ("dns_servers", 1, True)]


def test_files_of_one_path_replace_each_other() -> None:
    first, second = ({"files": [{"path": "/etc/banner", "mode": "0644", "contents": text}]} for text in "ab")
    assert told(first, second, second) == [[], [("/etc/banner", 0, True)], []]


def test_a_replaced_section_is_told_by_what_was_in_it() -> None:
    first = {"general": {"description": "a", "timezone": "UTC"}}
    assert told(first, {"general!": {"description": "b"}}) == [[], [("description", 0, True), ("timezone", 0, True)]]


def test_what_cannot_be_merged_is_left_out() -> None:
    first, second = {"general": {"description": "a"}}, {"general": {"description": "b"}}
    found = find_overlaps(BACKEND, [first, {"general": []}, second])
    assert "general" in found[1].problem
    assert [each.earlier for each in found[2].overlaps] == [0]


def test_an_unknown_backend() -> None:
    with pytest.raises(UnknownBackend):
        find_overlaps("no.Backend", [])
