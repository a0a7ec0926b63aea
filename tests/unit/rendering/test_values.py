"""Every value that an operator writes arrives at the router as it was written, wherever it stands."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from openwisp_controller.rendering import RenderingError, Stack
from openwisp_controller.uci import parse_export

from .corpus import MENDED, VALID, Case
from .mutation import slots
from .reference import meant, read

#: Texts that have broken a file or changed on the way: quotes, lines, blanks, what looks like UCI.
ODD = [
    "it's", "a'\n\toption extra 'b", "'pass    word'' #; $e `f`", "\ttab\r\n return\r", 'a"b\\c\\', "     ",
    "a\noption b\nlist c\n\n\n\npackage evil\n\nconfig evil 'evil'\n\toption evil 'evil'\n", "the package is here",
]  # fmt: skip
UCI = [case for case in [*VALID, *MENDED] if case.backend in ("netjsonconfig.OpenWrt", "netjsonconfig.OpenWisp")]


def rendered(case: Case) -> bytes:
    return Stack(case.backend, case.templates, dsa=case.dsa).render(case.config, case.context).data


@pytest.mark.parametrize("case", UCI, ids=str)
def test_corpus(case: Case) -> None:
    assert read(rendered(case)) == meant(case)


@pytest.mark.parametrize("case", UCI, ids=str)
def test_previews(case: Case) -> None:
    """They show what is in the archive."""
    text = Stack(case.backend, case.templates, dsa=case.dsa).text(case.config, case.context)
    packages = parse_export(text.partition("# ---------- files ---------- #")[0])
    assert [package for package in packages if package.sections] == [p for p in meant(case).values() if p.sections]


def positions(config: dict[str, Any]) -> list[int]:
    """Return the numbers of all places of a configuration that hold a text."""
    return [number for number, (container, key) in enumerate(slots(config)) if isinstance(container[key], str)]


def changed(case: Case, place: int, text: str) -> Case:
    config = copy.deepcopy(case.config)
    container, key = slots(config)[place]
    container[key] = text
    return replace(case, config=config)


@pytest.mark.parametrize("case", [case for case in UCI if "many interfaces" not in case.name], ids=str)
def test_every_position(case: Case) -> None:
    for place in positions(case.config):
        for odd in ODD:
            odd_case = changed(case, place, odd)
            try:
                data = rendered(odd_case)
            except RenderingError:
                continue  # the schema, or a name (test_names.py)
            assert read(data) == meant(odd_case), (slots(case.config)[place], odd)


@pytest.mark.parametrize("backend", ["netjsonconfig.OpenWrt", "netjsonconfig.OpenWisp"])
@pytest.mark.parametrize("odd", ODD)
def test_positions_that_take_any_text_do(backend: str, odd: str) -> None:
    """Otherwise the walk might have been refused everywhere."""
    ssid, key = f"x{odd}"[:32], f"{odd}12345678"[:63]
    encryption = {"protocol": "wpa2_personal", "key": key, "cipher": "auto"}
    wireless = {"mode": "access_point", "radio": "radio0", "ssid": ssid, "encryption": encryption, "more": odd}
    block = {"config_name": "t", "config_value": "s", "option": odd, "variable": "{{ v }}", "list": ["{{ v }}", odd]}
    config = {
        "general": {"hostname": "ab", "description": odd, "numbers": [odd, 1, odd]},
        "interfaces": [{"name": "wlan0", "type": "wireless", "wireless": wireless}],
        "pkg": [block],
    }
    packages = read(Stack(backend).render(config, {"v": odd}).data)
    assert list(packages) == ["system", "wireless", "pkg"]
    system, wifi, extra = (package.sections[0].options for package in packages.values())
    assert (system["description"], system["numbers"]) == (odd, [odd, "1", odd])
    assert (wifi["ssid"], wifi["key"], wifi["more"]) == (ssid, key, odd)
    assert extra == {"option": odd, "variable": odd, "list": [odd, odd]}


def test_apostrophes_as_the_device_writes_them() -> None:
    text = Stack("netjsonconfig.OpenWrt").text({"pkg": [{"config_name": "t", "option": "it's", "list": ["'"]}]}, {})
    assert text.splitlines()[-2:] == [r"	list list ''\'''", r"	option option 'it'\''s'"]


@pytest.mark.parametrize("value", ["a\0b", ["c", "a\0b"]])
def test_a_text_that_would_end_early_is_refused(value: Any) -> None:
    with pytest.raises(RenderingError, match=r"(?s)#/pkg/0/option.*NUL"):
        Stack("netjsonconfig.OpenWrt").render({"pkg": [{"config_name": "t", "option": value}]}, {})
