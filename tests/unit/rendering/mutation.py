"""Configurations with something odd somewhere."""

from __future__ import annotations

import copy
import random
from typing import Any

ODD: list[Any] = [
    None, True, False, 0, 1, -1, 1.0, 0.0, 1.5, 20.0, 2**31, 65535, 65536, 16777217, -0.0, "", "a", "eth0",
    "eth0\n", "a b", "a\x1cb", "a\x85b", "a\u2028b", "a\ufeffb", "x\u00a0", "1", "20", "0644", "10.0.0.1",
        "10.0.0.1\n", "::1",
    "fe80::1%x", "10.0.0.0/8", "10.0.0.1/8", "٣:٣", "1:2", "a" * 16, "é" * 15, "😀" * 15, "e\u0301" * 8,
        "00:11:22:33:44:55",
    "a.b-c", "-a", "a_b", [], {}, [1, True], [1, 1.0], ["a", "a"], [{"a": 1}, {"a": True}], [None, None],
        [[]],
    {"a": 1}, {"name": "lan", "type": "bridge"}, "static", "802.11n", "none", "udp", 36, 13,
]  # fmt: skip


def slots(value: Any) -> list[tuple[Any, Any]]:
    """Return all places of a structure, as container and key."""
    found = []
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        found.append((value, key))
        if isinstance(item, (dict, list)):
            found += slots(item)
    return found


def mutate(config: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """Return a copy with something odd somewhere."""
    config = copy.deepcopy(config)
    for _ in range(draw.randint(1, 2)):
        places = slots(config)
        if not places:
            return {draw.choice(["general", "files", "wireguard"]): draw.choice(ODD)}
        container, key = draw.choice(places)
        action = draw.randrange(5)
        if action == 0:
            del container[key]
        elif action == 1 and isinstance(container, list):
            container.append(copy.deepcopy(container[key]))
        elif action == 2 and isinstance(container, dict):
            container[draw.choice(["type", "mode", "name", "proto", "x", "channel"])] = container.pop(key)
        elif action == 3 and isinstance(container[key], str) and container[key]:
            position = draw.randrange(len(container[key]) + 1)
            odd = draw.choice("\n \x1c\x85\u2003\ufeff.:/%é0")
            container[key] = container[key][:position] + odd + container[key][position:]
        else:
            container[key] = copy.deepcopy(draw.choice(ODD))
    return config
