"""Who virtual devices are."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import replace

import pytest

from openwisp_controller.fleet.identity import consistent_key, make_identity


def test_key_is_the_digest_of_mac_and_secret() -> None:
    expected = hashlib.md5(b"02:00:00:AB:CD:EF+secret").hexdigest()
    assert consistent_key("02:00:00:AB:CD:EF", "secret") == expected
    identity = make_identity(1)
    assert identity.key("secret") == consistent_key(identity.mac_address, "secret")


def test_identities_are_repeatable_and_differ() -> None:
    assert make_identity(7, seed=3) == make_identity(7, seed=3)
    assert make_identity(7, seed=3).mac_address != make_identity(7, seed=4).mac_address
    some = [make_identity(number) for number in range(1, 5001)]
    for attribute in ("name", "mac_address", "management_ip"):
        assert len({getattr(identity, attribute) for identity in some}) == len(some)


@pytest.mark.parametrize(
    ("hostname", "default", "is_default"),
    [
        ("router", "", False),
        ("OpenWrt", "", True),
        ("openwrt", "", True),
        ("", "", True),
        ("router", "router", True),
        ("router", "*", True),
        ("router", "other", False),
    ],
)
def test_default_hostnames_are_replaced_by_the_mac(hostname: str, default: str, is_default: bool) -> None:
    identity = replace(make_identity(1), hostname=hostname, default_hostname=default)
    assert identity.name == (identity.mac_address if is_default else hostname)


def test_hardware_id_takes_the_place_of_the_mac_in_the_key() -> None:
    some = [make_identity(number, has_hardware_id=True) for number in range(1, 100)]
    assert len({identity.hardware_id for identity in some}) == len(some)
    assert some[0].key("secret") == consistent_key(some[0].hardware_id, "secret")
    assert some[0].mac_address == make_identity(1).mac_address


def test_identities_are_plausible() -> None:
    for number in (1, 254, 255, 65_025, 1_000_000):
        identity = make_identity(number, name_prefix="ap")
        assert re.fullmatch(r"([0-9A-F]{2}:){5}[0-9A-F]{2}", identity.mac_address)
        assert int(identity.mac_address[:2], 16) & 0b11 == 0b10  # locally administered, unicast
        assert ipaddress.ip_address(identity.management_ip) in ipaddress.ip_network("10.0.0.0/8")
        assert identity.os.startswith("OpenWrt 23.05.")
    assert make_identity(1, name_prefix="ap").name == "ap-0001"
