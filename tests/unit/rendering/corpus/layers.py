"""Templates and variables."""

from __future__ import annotations

from typing import Any

from .case import Case, both, file, static
from .interfaces import bridge, ethernet
from .services import block
from .wifi import radio, wifi

ADDRESS = static("{{ ip }}")
ADDRESS_CONTEXT = {"ip": "10.2.3.4", "unused": "x"}


def values(name: str, text: str, context: dict[str, Any]) -> Case:
    return Case(f"variables {name}", {"pkg": [block("t", text=text)]}, context=context)


def layers(name: str, config: dict[str, Any], *templates: dict[str, Any], **more: Any) -> list[Case]:
    return both(f"layers {name}", config, templates=list(templates), **more)


CASES: list[Case] = [
    values("one", "a {{ x }} b", {"x": "1"}),
    values("without spaces", "{{x}}", {"x": "1"}),
    values("many spaces", "{{   x   }}", {"x": "1"}),
    values("several", "{{x}}-{{y}}-{{ x }}", {"x": "1", "y": "2"}),
    values("unknown", "{{x}}-{{unknown}}", {"x": "1"}),
    values("only unknown", "{{unknown}}", {"x": "1"}),
    values("no context", "{{x}}", {}),
    values("types", "{{n}} {{b}} {{f}} {{z}} {{l}}", {"n": 1, "b": True, "f": 1.5, "z": None, "l": [1]}),
    values("not names", "{{ a-b }} {{ a b }} { { x } } {{}} {{{x}}}", {"x": "1", "a": "2"}),
    values("unicode", "{{ größe }}", {"größe": "ß"}),
    values("only braces", "}}{{ {{x", {"x": "1"}),
    Case("variables everywhere", {"general": {"hostname": "{{ name }}"},
        "interfaces": [ethernet(addresses=[ADDRESS])], "files": [file("/etc/{{ name }}",
        "{{ name }}\n{{ ip }}\n")], "pkg": [block("t", "{{ name }}", l=["{{ip}}"])],
        }, context={"name": "ab", **ADDRESS_CONTEXT}),
    Case("variable in a path that stays", {"files": [file("/etc/{{ unknown }}")]}, context={"a": "b"}),
    *layers("empty", {}, {}, {}),
    *layers("only templates", {}, {"general": {"hostname": "ab"}}),
    *layers("override", {"general": {"hostname": "cd"}}, {"general": {"hostname": "ab",
        "maintainer": "me"}}),
    *layers("scalar over list", {"pkg": "x"}, {"pkg": [block("t")]}),
    *layers("null over object", {"general": {"note": None}}, {"general": {"note": "x"}}),
    *layers("interfaces by name", {"interfaces": [ethernet(mtu=1400)]},
        {"interfaces": [ethernet(addresses=[ADDRESS]), ethernet("eth1")]}, context=ADDRESS_CONTEXT),
    *layers("bridge members", {"interfaces": [bridge("eth2", "eth0")]}, {"interfaces": [bridge("eth0",
        "eth1")]}),
    *layers("addresses", {"interfaces": [ethernet(addresses=[static("10.0.0.1"), static("10.0.0.2")])]},
        {"interfaces": [ethernet(addresses=[static("10.0.0.1")])]}),
    *layers("VLANs", {"interfaces": [{"name": "eth0", "type": "8021q", "vid": 2, "mtu": 1400}]},
        {"interfaces": [{"name": "eth0", "type": "8021q", "vid": v} for v in (1, 2)]},
        {"interfaces": [{"name": "eth0", "type": "8021ad", "vid": 1}]}),
    *layers("VLANs without interfaces in the device", {"general": {"hostname": "ab"}},
        {"interfaces": [{"name": "eth0", "type": "8021q", "vid": v} for v in (1, 2)]}),
    *layers("radios", {"radios": [{"name": "radio0", "channel": 11}]}, {"radios": [radio("802.11n", 3,
        20)]}),
    *layers("wifi", {"interfaces": [wifi(ssid="other")]}, {"interfaces": [wifi(hidden=True,
        network=["a"])]}),
    *layers("packages by value", {"pkg": [block("t", "x", a="2"), block("t", "z")]}, {"pkg": [block("t",
        "x", a="1", b="1"), block("t", "y")]}),
    *layers("packages by id", {"pkg": [{**block("t"), "id": "a", "x": "1"}]}, {"pkg": [{**block("t"),
        "id": "a", "x": "2", "y": "3"}]}),
    *layers("packages by list", {"pkg": [block("t", a="2"), {**block("t"), "name": ["a", "b"], "x": "2"}]},
        {"pkg": [{**block("t"), "name": ["a", "b"], "x": "1", "y": "1"}]}),
    *layers("anonymous blocks", {"pkg": [block("t", a="1")]}, {"pkg": [block("t", a="1"), block("t",
        a="2")]}, {"pkg": [block("t", a="3"), block("t", a="1")]}),
    *layers("same name twice in a template", {"interfaces": [ethernet("eth9")]},
        {"interfaces": [ethernet(mtu=1400), ethernet(autostart=True)]}),
    *layers("files", {"files": [file("/a", "2"), file("/c")]}, {"files": [file("/a", "1"), file("/b")]},
        {"files": [file("/b"), file("/a", "1")]}),
    *layers("lists of texts", {"dns_servers": ["1.1.1.1", "3.3.3.3"]}, {"dns_servers": ["1.1.1.1",
        "2.2.2.2"]}),
    *layers("small numbers in lists", {"pkg": [block("t", "x", l=[1, 1, 2])]}, {"pkg": [block("t", "x",
        l=[3, 3])]}),
    *layers("five templates", {"general": {"hostname": "{{ name }}"}}, {"ntp": {"enabled": True,
        "server": ["a.org"]}}, {"ntp": {"server": ["b.org"], "enabled": False}},
        {"interfaces": [bridge("eth0", stp=True)]}, {"interfaces": [bridge("wlan0"), wifi()]},
        {"files": [file("/etc/{{ name }}", "{{ ip }}")]}, context={"name": "node", **ADDRESS_CONTEXT}),
]  # fmt: skip
