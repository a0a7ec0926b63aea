"""Extra files that the device reads as UCI packages: they have to be UCI, and replace nothing that is generated."""

from __future__ import annotations

from typing import Any

import pytest

from openwisp_controller.rendering import Stack, UnreadableConfiguration, explain, list_files

from .corpus.case import file

OPENWRT, LEGACY = "netjsonconfig.OpenWrt", "netjsonconfig.OpenWisp"
GOOD = "config rule 'a'\n\toption b 'it'\\''s'\n\tlist c \"d\"\n\n# comment\nconfig x\n"
BAD = [
    "hello world", "config", "option a 'b'", "config t 'a-b'\n", "config t 'a'\n\toption a-b '1'\n", "config t 'a\n",
    "config t a b\n", "config t a\noption b c d\n", "#!/bin/sh\nexit 0\n", "config t a\n\noption b 'c\0'\n", '{"a": 1}',
]  # fmt: skip


def with_file(path: str, contents: str = GOOD, **more: Any) -> dict[str, Any]:
    return {"general": {"hostname": "ab"}, "files": [file("/etc/other"), file(path, contents)], **more}


def refusal(config: dict[str, Any], backend: str = OPENWRT, context: Any = None) -> UnreadableConfiguration:
    errors = []
    for attempt in (Stack(backend).validate, Stack(backend).render, Stack(backend).text):
        with pytest.raises(UnreadableConfiguration) as error:
            attempt(config, context or {})
        errors.append(error.value)
    assert len({error.message for error in errors}) == 1
    return errors[0]


@pytest.mark.parametrize("path", ["/etc/config/firewall", "etc/config/my-package", "/etc/config/directory/file"])
@pytest.mark.parametrize("contents", [GOOD, "", "package firewall\n\nconfig t\n", "# nothing\n"])
def test_uci_is_taken_as_it_is(path: str, contents: str) -> None:
    config = with_file(path, contents)
    Stack(OPENWRT).validate(config, {})
    found = {item.path: item.contents for item in list_files(Stack(OPENWRT).render(config, {}).data)}
    assert found[path.lstrip("/")] == contents


@pytest.mark.parametrize("path", ["/etc/config/firewall", "etc/config/firewall", "/etc/config/directory/file"])
@pytest.mark.parametrize("contents", BAD)
def test_what_is_not_uci_is_refused(path: str, contents: str) -> None:
    error = refusal(with_file(path, contents))
    assert error.path == ("files", 1, "path")
    assert f'"{path}" is not UCI, line ' in error.detail


@pytest.mark.parametrize("path", ["/etc/config/fire.wall", "etc/config/.hidden", "/etc/config/a.conf"])
def test_names_that_are_none_of_a_package_are_refused(path: str) -> None:
    assert "cannot be a UCI package" in refusal(with_file(path)).detail


@pytest.mark.parametrize(("backend", "path"), [
    (OPENWRT, "/etc/config/system"), (OPENWRT, "etc/config/system"), (OPENWRT, "/etc/config/pkg"),
    (LEGACY, "/uci/system.conf"), (LEGACY, "uci/pkg.conf"), (LEGACY, "/etc/config/pkg"),
])  # fmt: skip
def test_files_do_not_replace_what_is_generated(backend: str, path: str) -> None:
    error = refusal(with_file(path, pkg=[{"config_name": "t"}]), backend)
    assert error.path == ("files", 1, "path")
    assert "would replace the settings of the UCI package" in error.detail


def test_other_files_may_hold_anything() -> None:
    for path in ("/etc/config.json", "/etc/configs/system", "/root/etc/config/system", "/uci/system.conf"):
        assert Stack(OPENWRT).render(with_file(path, "hello world"), {})
    assert Stack(LEGACY).render(with_file("/uci/system", "hello world"), {})
    assert Stack("netjsonconfig.OpenVpn").render({"files": [file("/etc/config/openvpn", "hello world")]}, {})


def test_a_package_without_sections_may_come_from_a_file() -> None:
    config = with_file("/etc/config/network", GOOD, interfaces=[])
    Stack(OPENWRT).validate(config, {})


def test_variables_without_a_value_leave_the_contents_open() -> None:
    config = with_file("/etc/config/firewall", "config t\n{{ options }}\n")
    Stack(OPENWRT).validate(config, {})
    Stack(OPENWRT).validate(config, {"options": "option a b"})
    assert refusal(config, context={"options": "a b"}).path == ("files", 1, "path")
    with pytest.raises(UnreadableConfiguration):
        Stack(OPENWRT).render(config, {})


def test_the_template_that_brings_the_file_is_named() -> None:
    """Whatever makes the settings that it would replace."""
    layers: list[tuple[str, dict[str, Any]]] = [
        ("first", {"files": [file("/etc/other")]}),
        ("files", {"files": [file("/etc/config/{{ name }}", GOOD)]}),
        ("device", {"pkg": [{"config_name": "t"}]}),
    ]
    blame = explain(OPENWRT, layers, {"name": "pkg"})
    assert blame is not None
    assert (blame.layer, blame.path, blame.variables) == ("files", ("files", 1, "path"), ("name",))
    assert blame.message.startswith('Template "files" makes the configuration invalid at "#/files/1/path": The file')


def test_the_template_whose_file_is_not_uci_is_named() -> None:
    layers: list[tuple[str, dict[str, Any]]] = [
        ("good", {"ntp": {"enabled": True}}),
        ("bad", {"files": [file("/etc/config/pkg", "hello")]}),
        ("last", {"ntp": {"enabled": False}}),
        ("device", {}),
    ]
    blame = explain(OPENWRT, layers, {})
    assert blame is not None
    assert blame.layer == "bad"
