"""Errors said in words, odd input, threads, and validation that runs once."""

from __future__ import annotations

import ast
import inspect
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from netjsonconfig import OpenWrt

from openwisp_controller import rendering
from openwisp_controller.rendering import InvalidConfiguration, RenderingError, Stack
from openwisp_controller.rendering.schema import CompiledSchema

OPENWRT = "netjsonconfig.OpenWrt"
ROUTE = {"device": "eth0", "destination": "10.0.0.0/99", "next": "", "cost": 0}
DEEP: dict[str, Any] = {}
for _ in range(5000):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(("config", "words"), [
    ({"routes": [ROUTE]},
        "The section \"routes\" of the configuration cannot be rendered: '10.0.0.0/99' does not"),
    ({"pkg": [{"config_name": "a", "config_value": 5}]},
        "A package of the configuration cannot be rendered: 'int'"),
    ({"interfaces": [{"name": "vx", "type": "wireguard", "private_key": "x"}]}, "'addresses' is missing"),
    ({"pkg": [{"config_name": "a", 5: "b"}]}, "cannot be rendered: '<' not supported"),
    ({"deep": DEEP}, "The configuration is nested too deeply."),
])  # fmt: skip
def test_what_only_rendering_finds_out(config: dict[str, Any], words: str) -> None:
    for method in Stack(OPENWRT).render, Stack(OPENWRT, [{}]).text:
        with pytest.raises(RenderingError) as error:
            method(config, {})
        assert words in error.value.message
        assert type(error.value) is RenderingError


def test_text_that_cannot_be_encoded() -> None:
    with pytest.raises(RenderingError, match="'utf-8' codec can't encode"):
        Stack(OPENWRT).render({"x": [{"config_name": "a", "b": "\ud800"}]}, {})


@pytest.mark.parametrize(("config", "path", "detail"), [
    ({"radios": [{"name": "radio0"}]}, ("radios", 0),
        "'protocol' and 'channel' and 'channel_width' are required properties"),
    ({"radios": ["x"]}, ("radios", 0), "'x' is not of type 'object': an object is wanted"),
    ({"radios": 5}, ("radios",), "5 is not of type 'array': a list is wanted"),
    ({"interfaces": [5]}, ("interfaces", 0), "5 is not of type 'object': an object is wanted"),
    ({"files": [5]}, ("files", 0), "5 is not of type 'object': an object is wanted"),
])  # fmt: skip
def test_checks_that_stumble_leave_the_word_to_the_schema(config: Any, path: Any, detail: str) -> None:
    with pytest.raises(InvalidConfiguration) as error:
        Stack(OPENWRT).validate(config, {})
    assert (error.value.path, error.value.detail) == (path, detail)
    with pytest.raises(InvalidConfiguration) as error:
        Stack("netjsonconfig.OpenWisp").validate(config, {})
    assert error.value.path == path


def test_validation_runs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    accepts = CompiledSchema.accepts

    def counting(self: CompiledSchema, config: Any) -> bool:
        calls.append(config)
        return accepts(self, config)

    monkeypatch.setattr(CompiledSchema, "accepts", counting)
    monkeypatch.setattr(Draft4Validator, "iter_errors", lambda *args: pytest.fail("slow validation"))
    for backend in OPENWRT, "netjsonconfig.OpenWisp":
        Stack(backend).render({"general": {"hostname": "ab"}}, {})
    assert len(calls) == 2


@pytest.mark.parametrize("config", [
    OrderedDict(general=OrderedDict(hostname="ab"), pkg=[OrderedDict(config_name="a", n=2**70)]),
    {"pkg": [{"config_name": "a", "t": (1, 2), "f": float("inf"), "n": 2**60}]},
    {"general": {"hostname": type("Text", (str,), {})("ab")}},
])  # fmt: skip
def test_values_that_are_not_plain_render_as_in_the_library(config: Any) -> None:
    for context in {}, {"x": "1"}:
        expected = OpenWrt(config, context=context).generate().getvalue()
        assert Stack(OPENWRT).render(config, context).data == expected


def test_a_tuple_is_no_list_to_the_schema() -> None:
    with pytest.raises(InvalidConfiguration, match=r"\(\) is not of type 'array'"):
        Stack(OPENWRT).render({"interfaces": ()}, {})


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    Stack(OPENWRT).render({"pkg": [{"no": "name"}, "text"]}, {})
    assert capsys.readouterr().out == ""


def test_threads_share_a_stack() -> None:
    stack = Stack(OPENWRT, [{"general": {"hostname": "{{ name }}"}, "radios": []}])
    interface = {"name": "{{ name }}", "type": "ethernet"}

    def render(number: int) -> str:
        config = {
            "interfaces": [interface],
            "files": [{"path": "/n", "mode": "644", "contents": f"{number}"}],
        }
        return stack.render(config, {"name": f"eth{number}"}).checksum

    expected = [render(number) for number in range(50)]
    assert len(set(expected)) == 50
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(render, [*range(50)] * 4)) == expected * 4


def test_later_changes_of_a_template_do_not_reach_the_stack() -> None:
    template: dict[str, Any] = {"general": {"hostname": "ab"}}
    stack = Stack(OPENWRT, [template])
    before = stack.render({}, {})
    template["general"]["hostname"] = "cd"
    assert stack.render({}, {}) == before


def test_the_package_is_pure() -> None:
    allowed = {"netjsonconfig", "jsonschema", "jsonschema_rs", "jinja2"}
    standard = {
        "__future__", "collections", "contextlib", "copy", "dataclasses", "difflib", "functools", "hashlib",
        "importlib", "inspect", "io", "itertools", "re", "struct", "sys", "tarfile", "types", "typing", "zlib",
        "marshal", "threading",
    }  # fmt: skip
    assert rendering.__file__
    files = sorted(Path(rendering.__file__).parent.rglob("*.py"))
    assert Path(inspect.getfile(Stack)) in files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            assert {name.split(".")[0] for name in names} <= allowed | standard, file.name
