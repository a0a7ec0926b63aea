"""Backends of third parties keep all their hooks."""

from __future__ import annotations

import copy
import gzip
import io
import sys
import tarfile
from types import ModuleType
from typing import Any

import netjsonconfig
import pytest
from jinja2 import DictLoader, Environment
from jsonschema.exceptions import ValidationError as SchemaError
from netjsonconfig.backends.base.backend import BaseBackend
from netjsonconfig.backends.openwisp.renderer import OpenWrtRenderer as OpenWispRenderer
from netjsonconfig.backends.openwrt.converters import Interfaces, Ntp
from netjsonconfig.backends.openwrt.renderer import OpenWrtRenderer
from netjsonconfig.exceptions import ValidationError

from openwisp_controller.rendering import (
    InvalidConfiguration,
    RenderingError,
    Stack,
    UnknownBackend,
    list_files,
    load_backend,
)

CONFIG: dict[str, Any] = {
    "general": {"hostname": "ab"},
    "interfaces": [
        {"name": "eth0", "type": "ethernet"},
        {"name": "lan", "type": "bridge", "bridge_members": []},
    ],
    "ntp": {"enabled": True},
    "files": [{"path": "/etc/a", "mode": "0644", "contents": "x"}],
    "pkg": [{"config_name": "a", "key": "1", "x": "1"}],
}


class Schema(netjsonconfig.OpenWrt):
    schema = {**netjsonconfig.OpenWrt.schema, "required": ["general"]}


class Validate(netjsonconfig.OpenWrt):
    def validate(self) -> None:
        self.config.setdefault("general", {})["maintainer"] = "hook"
        super().validate()
        if "forbidden" in self.config:
            raise ValidationError(SchemaError("forbidden", path=("forbidden",)))


class MyInterfaces(Interfaces):
    def to_intermediate_loop(self, block: Any, result: Any, index: Any = None) -> Any:
        block["mine"] = "1"
        return super().to_intermediate_loop(block, result, index)


class MyNtp(Ntp):
    def to_intermediate(self) -> Any:
        return (("system", [{".type": "mine", ".name": "a", "x": True}]),)


class Converters(netjsonconfig.OpenWrt):
    converters = [
        MyInterfaces if c is Interfaces else MyNtp if c is Ntp else c for c in netjsonconfig.OpenWrt.converters
    ]


class MyRenderer(OpenWrtRenderer):
    env_path = OpenWrtRenderer.__module__

    @classmethod
    def get_name(cls) -> str:
        return "openwrt"

    def cleanup(self, output: str) -> str:
        return str(super().cleanup(output)).replace("hostname", "HOST")


class TemplateRenderer(OpenWrtRenderer):
    """Has a template of its own under the library's path."""

    env_path = OpenWrtRenderer.__module__
    template_env = Environment(loader=DictLoader({"template.jinja2": "package p\n\n{{ data|list }}\n"}))


class EnvironmentRenderer(TemplateRenderer):
    """Has another template under the library's path and name."""

    template_env = Environment(loader=DictLoader({"openwrt.jinja2": "package q\n\n{{ data|list }}\n"}))

    @classmethod
    def get_name(cls) -> str:
        return "openwrt"


class ModuleRenderer(EnvironmentRenderer):
    """The same, found by its own module."""

    env_path = __name__


class CrossRenderer(OpenWrtRenderer):
    """Uses the template of the legacy dialect."""

    env_path = OpenWispRenderer.__module__

    @classmethod
    def get_name(cls) -> str:
        return "openwrt"


class MissingRenderer(OpenWrtRenderer):
    env_path = OpenWrtRenderer.__module__


class ExtraRenderer(OpenWrtRenderer):
    def render(self) -> str:
        return "package extra\n\nconfig a 'b'\n"


class Renderer(netjsonconfig.OpenWrt):
    renderer = MyRenderer


class Template(netjsonconfig.OpenWrt):
    renderer = TemplateRenderer


class Cross(netjsonconfig.OpenWrt):
    renderer = CrossRenderer


class Missing(netjsonconfig.OpenWrt):
    renderer = MissingRenderer


class SameName(netjsonconfig.OpenWrt):
    renderer = EnvironmentRenderer


class SameModule(netjsonconfig.OpenWrt):
    renderer = ModuleRenderer


class Renderers(netjsonconfig.OpenWrt):
    renderers = [OpenWrtRenderer, ExtraRenderer]


class Generate(netjsonconfig.OpenWrt):
    def generate(self) -> io.BytesIO:
        return io.BytesIO(gzip.compress(gzip.decompress(super().generate().getvalue()), mtime=1))


class Contents(netjsonconfig.OpenWrt):
    def _generate_contents(self, tar: tarfile.TarFile) -> None:
        super()._generate_contents(tar)
        info = tarfile.TarInfo("own")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))
        assert tar.getnames()[-1] == "own"


class AddFile(netjsonconfig.OpenWrt):
    def _add_file(self, tar: Any, name: str, contents: str, mode: str = "0644") -> None:
        super()._add_file(tar, f"root/{name}", contents, "600")


class Init(netjsonconfig.OpenWrt):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.config["general"] = {"hostname": "from-init"}


class Merge(netjsonconfig.OpenWrt):
    def _merge_config(self, config: Any, templates: Any) -> Any:
        merged = super()._merge_config(config, templates)
        merged["general"] = {**merged.get("general", {}), "note": str(len(templates or []))}
        return merged


class Identifiers(netjsonconfig.OpenWrt):
    def _get_merge_config_identifiers(self, merging: Any) -> Any:
        return ["key"] if "pkg" in merging else super()._get_merge_config_identifiers(merging)


class Expand(netjsonconfig.OpenWrt):
    def _evaluate_vars(self, config: Any, context: Any) -> Any:
        config["general"]["note"] = "expanded"
        return super()._evaluate_vars(config, context)


class SchemaOfInstance(netjsonconfig.OpenWrt):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.schema = {**netjsonconfig.OpenWrt.schema, "required": ["general"]}


class TupleFromInit(netjsonconfig.OpenWrt):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.config["interfaces"] = ()


class Intermediate(netjsonconfig.OpenWrt):
    def to_intermediate(self) -> None:
        super().to_intermediate()
        self.intermediate_data["added"] = [{".type": "a", ".name": "b", "x": "1"}]


class FilePaths(netjsonconfig.OpenWrt):
    def _validate_file_paths(self) -> None:
        raise SchemaError("no files at all", path=("files",))


class Legacy(netjsonconfig.OpenWisp):
    def _render_template(self, template: str, context: Any = None) -> str:
        return f"{template}\n"


class Vpn(netjsonconfig.Wireguard):
    schema = {**netjsonconfig.Wireguard.schema, "required": []}


class FromScratch(BaseBackend):
    schema = {"type": "object"}
    converters: list[Any] = []
    renderer = ExtraRenderer

    def _generate_contents(self, tar: Any) -> None:
        self._add_file(tar, "all", self.render(files=False) + "é")


OTHERS = [
    Schema, Validate, Converters, Renderer, Template, SameName, Cross, SameModule, Renderers, Contents,
    AddFile, Init, Merge, Identifiers, Expand, Intermediate, Legacy,
]  # fmt: skip
TEMPLATES: list[dict[str, Any]] = [
    {"general": {"note": "x"}, "pkg": [{"config_name": "a", "key": "1", "x": "2", "y": "3"}]},
    {"files": [{"path": "/etc/a", "mode": "600", "contents": "{{ v }}"}]},
]


@pytest.mark.parametrize("backend", OTHERS)
@pytest.mark.parametrize("templates", [[], TEMPLATES], ids=["alone", "with templates"])
def test_hooks_stay_in_force(backend: type, templates: list[dict[str, Any]]) -> None:
    path = f"{__name__}.{backend.__name__}"
    expected = backend(copy.deepcopy(CONFIG), templates=copy.deepcopy(templates), context={"v": "1"})
    assert Stack(path, templates).render(CONFIG, {"v": "1"}).data == expected.generate().getvalue()
    expected = backend(copy.deepcopy(CONFIG), templates=copy.deepcopy(templates), context={"v": "1"})
    assert Stack(path, templates).text(CONFIG, {"v": "1"}) == expected.render()


def test_every_hook_was_noticed() -> None:
    """Otherwise the comparison above would prove nothing."""
    plain = Stack("netjsonconfig.OpenWrt", TEMPLATES).render(CONFIG, {"v": "1"}).data
    for backend in OTHERS:
        if backend is not Schema:
            assert Stack(f"{__name__}.{backend.__name__}", TEMPLATES).render(CONFIG, {"v": "1"}).data != plain


def test_generate_of_their_own() -> None:
    data = Stack(f"{__name__}.Generate").render(CONFIG, {}).data
    assert data[4] == 1
    assert list_files(data) == list_files(Stack("netjsonconfig.OpenWrt").render(CONFIG, {}).data)


@pytest.mark.parametrize(("backend", "config", "detail"), [
    ("Schema", {}, "'general' is a required property"),
    ("SchemaOfInstance", {}, "'general' is a required property"), ("Validate", {"forbidden": 1}, "forbidden"),
    ("TupleFromInit", {}, "() is not of type 'array': a list is wanted"),
    ("FilePaths", {}, "no files at all"),
])  # fmt: skip
def test_refusals_of_their_own(backend: str, config: dict[str, Any], detail: str) -> None:
    with pytest.raises(InvalidConfiguration) as error:
        Stack(f"{__name__}.{backend}").render(config, {})
    assert error.value.detail == detail


def test_other_families() -> None:
    assert Stack(f"{__name__}.Vpn").render({}, {}).data
    assert list_files(Stack(f"{__name__}.FromScratch").render({}, {}).data)[0].contents.endswith("'b'\né")


def test_dsa_is_for_those_that_take_it() -> None:
    interface = {"interfaces": [{"name": "lan", "type": "bridge", "bridge_members": []}]}
    new, old = (Stack("netjsonconfig.OpenWrt", dsa=dsa).text(interface, {}) for dsa in (True, False))
    assert new != old
    assert Stack("netjsonconfig.OpenWrt").text(interface, {}) == new
    assert Stack("netjsonconfig.OpenWisp").text(interface, {}) == Stack("netjsonconfig.OpenWisp", dsa=False).text(
        interface, {}
    )
    assert Stack(f"{__name__}.Init", dsa=False).text(interface, {}) != Stack(f"{__name__}.Init").text(interface, {})
    assert Stack("netjsonconfig.Wireguard", dsa=True).render({"wireguard": []}, {}).data


def test_loading_is_remembered_and_gives_a_subclass() -> None:
    backend = load_backend("netjsonconfig.OpenWrt")
    assert backend is load_backend("netjsonconfig.OpenWrt")
    assert issubclass(backend, netjsonconfig.OpenWrt)
    assert (backend.__name__, backend.__module__) == ("OpenWrt", netjsonconfig.OpenWrt.__module__)


def test_unknown_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(ModuleType):
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("broken module")

    monkeypatch.setitem(sys.modules, "broken_backend_module", Broken("broken_backend_module"))
    for path, reason in {
        "nowhere": "it is not a dotted path to a class",
        "": "it is not a dotted path to a class",
        "no_such_module_at_all.X": "No module named 'no_such_module_at_all'",
        "netjsonconfig.Nothing": "module 'netjsonconfig' has no attribute 'Nothing'",
        "json.loads": "it is not a netjsonconfig backend",
        "json.JSONDecoder": "it is not a netjsonconfig backend",
        "broken_backend_module.X": "broken module",
    }.items():
        with pytest.raises(UnknownBackend) as error:
            load_backend(path)
        assert error.value.message == f'Error while importing "{path}": {reason}'
        with pytest.raises(RenderingError):
            Stack(path)


def test_variables_stay_literal_under_a_hook_of_their_own() -> None:
    config = {"general": {}, "pkg": [{"config_name": "a", "x": "{{ v }}"}]}
    expanded = Stack(f"{__name__}.Expand").expand(config, {"v": r"\1 {{ v }}"})
    assert expanded["general"]["note"] == "expanded"
    assert expanded["pkg"][0]["x"] == r"\1 {{ v }}"


def test_base_follows_a_merge_of_their_own() -> None:
    assert Stack(f"{__name__}.Merge", TEMPLATES).base["general"]["note"] == "2"


def test_a_template_that_is_missing_is_an_error() -> None:
    with pytest.raises(RenderingError, match=r"missing\.jinja2"):
        Stack(f"{__name__}.Missing").render({}, {})
