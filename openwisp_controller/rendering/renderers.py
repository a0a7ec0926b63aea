"""netjsonconfig's renderers with templates that are compiled once; UCI, OpenVPN and WireGuard written without any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from jinja2 import Environment, PackageLoader
from netjsonconfig.backends.base.renderer import BaseRenderer
from netjsonconfig.backends.openvpn.renderer import OpenVpnRenderer
from netjsonconfig.backends.openwisp.renderer import OpenWrtRenderer as OpenWispRenderer
from netjsonconfig.backends.openwrt.renderer import OpenWrtRenderer
from netjsonconfig.backends.wireguard.renderer import WireguardRenderer

from . import uci_text, vpn_text
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
        return str(self.cleanup(_joined(self.packages()))) if self.is_usual() else str(super().render())

    def is_usual(self) -> bool:
        """Whether this is netjsonconfig's template, which is written without a template engine."""
        return _uses_template_of(OpenWrtRenderer, self)

    def packages(self) -> Iterator[tuple[str, str]]:
        """Return name and text of each package; see :func:`~.uci_text.packages`."""
        shared = self.backend.shared
        text_of = shared.text if shared else uci_text.block_text
        return uci_text.packages(self.backend.intermediate_data, text_of=text_of)

    def cleanup(self, output: str) -> str:
        # the library's way with indentation and empty lines reaches into values
        return output if self.is_usual() else str(super().cleanup(output))


class FastLegacyUci(OpenWispRenderer):
    """The same for the quoted dialect of the legacy firmware."""

    def render(self) -> str:
        return str(self.cleanup(_joined(self.packages()))) if self.is_usual() else str(super().render())

    def is_usual(self) -> bool:
        """See :class:`FastUci`."""
        return _uses_template_of(OpenWispRenderer, self)

    def packages(self) -> Iterator[tuple[str, str]]:
        """See :class:`FastUci`."""
        return uci_text.packages(self.backend.intermediate_data, "'")


def _joined(packages: Iterable[tuple[str, str]]) -> str:
    text = "".join(f"package {name}\n\n{contents}" for name, contents in packages)
    # as netjsonconfig does where a package without sections comes last
    return text[:-1] if text.endswith("\n\n") else text


class FastOpenVpn(OpenVpnRenderer):
    """Sits between any OpenVPN renderer and netjsonconfig's."""

    def render(self) -> str:
        if _uses_template_of(OpenVpnRenderer, self):
            return str(self.cleanup(vpn_text.openvpn(self.backend.intermediate_data)))
        return str(super().render())

    def cleanup(self, output: str) -> str:
        return output if _uses_template_of(OpenVpnRenderer, self) else str(super().cleanup(output))


class FastWireguard(WireguardRenderer):
    """Sits between any WireGuard renderer and netjsonconfig's."""

    def render(self) -> str:
        if _uses_template_of(WireguardRenderer, self):
            return str(self.cleanup(vpn_text.wireguard(self.backend.intermediate_data)))
        return str(super().render())

    def cleanup(self, output: str) -> str:
        return output if _uses_template_of(WireguardRenderer, self) else str(super().cleanup(output))


def _uses_template_of(original: type[BaseRenderer], renderer: BaseRenderer) -> bool:
    return (
        renderer.env_path == original.__module__
        and renderer.get_name() == original.get_name()
        and type(renderer).template_env is FastRenderer.template_env
    )


@per_class
def fast_renderer(renderer: type) -> type:
    """Return a subclass of ``renderer`` that gives the same text sooner, or ``renderer`` itself."""
    if not issubclass(renderer, BaseRenderer):
        return renderer
    try:
        return graft(renderer, [FastLegacyUci, FastUci, FastOpenVpn, FastWireguard, FastRenderer])
    except TypeError:
        return renderer
