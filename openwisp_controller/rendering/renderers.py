"""netjsonconfig's renderers with templates that are compiled once, and UCI written without a template
engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader
from netjsonconfig.backends.base.renderer import BaseRenderer
from netjsonconfig.backends.openwisp.renderer import OpenWrtRenderer as OpenWispRenderer
from netjsonconfig.backends.openwrt.renderer import OpenWrtRenderer

from .diamond import graft, per_class


@lru_cache(maxsize=64)
def environment(module: str) -> Environment:
    """Return the template environment of a backend's module, as netjsonconfig makes it."""
    loader = PackageLoader(module, "templates")
    return Environment(loader=loader, trim_blocks=True, auto_reload=False)


class FastRenderer(BaseRenderer):
    """Sits between any renderer and netjsonconfig's base class."""

    @property
    def template_env(self) -> Environment:
        return environment(self.env_path)


class FastUci(OpenWrtRenderer):
    """Sits between any OpenWrt renderer and netjsonconfig's; steps aside for templates of their own."""

    def render(self) -> str:
        if _uses_template_of(OpenWrtRenderer, self):
            return str(self.cleanup(uci(self.backend.intermediate_data)))
        return str(super().render())


class FastLegacyUci(OpenWispRenderer):
    """The same for the quoted dialect of the legacy firmware."""

    def render(self) -> str:
        if _uses_template_of(OpenWispRenderer, self):
            return str(self.cleanup(uci(self.backend.intermediate_data, "'")))
        return str(super().render())


def _uses_template_of(original: type[BaseRenderer], renderer: BaseRenderer) -> bool:
    return (
        renderer.env_path == original.__module__
        and renderer.get_name() == original.get_name()
        and type(renderer).template_env is FastRenderer.template_env
    )


def uci(packages: Mapping[str, Sequence[Mapping[str, Any]]], quote: str = "") -> str:
    """Return UCI packages one after the other, as the library's template gives them, but for the indentation.

    ``packages`` maps the name of a package to its blocks, whose keys ``.type`` and ``.name`` make the
    heading. ``quote`` stands around types and option names (empty, or an apostrophe in the legacy dialect).
    """
    return "".join(package_text(name, blocks, quote) for name, blocks in packages.items())


def package_text(package: str, blocks: Sequence[Mapping[str, Any]], quote: str) -> str:
    """Return one UCI package as text without indentation, ending with the empty lines of the library's
    template."""
    lines = [f"package {package}\n"]
    write = lines.append
    for block in blocks:
        kind, name = block.get(".type", ""), block.get(".name", "")
        write(f"config {quote}{kind}{quote} '{name}'")
        for key, value in block.items():
            if value is None or value == "" or key.startswith("."):
                continue
            if isinstance(value, str):
                write(f"option {quote}{key}{quote} '{value}'")
            elif value is True or value is False:
                write(f"option {quote}{key}{quote} '{value:d}'")
            elif hasattr(value, "__iter__"):
                for item in value:
                    write(f"list {quote}{key}{quote} '{item}'")
            else:
                write(f"option {quote}{key}{quote} '{value}'")
        write("")
    write("\n")
    return "\n".join(lines)


@per_class
def fast_renderer(renderer: type) -> type:
    """Return a subclass of ``renderer`` that gives the same text sooner, or ``renderer`` itself."""
    if not issubclass(renderer, BaseRenderer):
        return renderer
    try:
        return graft(renderer, [FastLegacyUci, FastUci, FastRenderer])
    except TypeError:
        return renderer
