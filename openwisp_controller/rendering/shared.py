"""What devices with the same templates have in common is expanded, converted and written once.

A part is shared only while it is the same object for all of them, so nothing is compared: a section that a device's own
configuration changes is an object of its own, and so is what is made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

from netjsonconfig.backends.openwrt import converters
from netjsonconfig.backends.openwrt.openwrt import OpenWrt

from .diamond import per_class
from .uci_text import Block, block_text
from .variables import MAX_EXPANDED_SIZE, Substitution, expand_plain, names

_NETWORK = ("interfaces", "dns_servers", "dns_search", "routes", "ip_rules", "switch")
#: The sections that a converter reads. They copy what they change.
READS: dict[type, tuple[str, ...]] = {
    converters.Ntp: ("ntp",),
    converters.Led: ("led",),
    converters.Interfaces: ("interfaces", "dns_servers", "dns_search"),
    converters.Routes: ("routes",),
    converters.Rules: ("ip_rules",),
    converters.Switch: ("switch",),
    converters.Radios: ("radios",),
    converters.Wireless: _NETWORK,  # it looks for bridges in what the others made
    converters.WireguardPeers: ("wireguard_peers",),
}
#: They depend on the device, or change the configuration: their sections, or the extra files.
_ALONE = {converters.General, converters.OpenVpn, converters.ZeroTier, converters.Default}
#: How many variants of sections are kept.
_MOST_SECTIONS = 64
_SECTIONS = frozenset(section for sections in READS.values() for section in sections)


@per_class
def can_share(backend: type) -> bool:
    """Tell whether it is known what the converters of a backend class read: if it is netjsonconfig's for OpenWrt."""
    known = {OpenWrt, *OpenWrt.__mro__}
    return all(cls in known or cls.__module__.startswith(f"{__package__}.") for cls in backend.__mro__[1:]) and (
        {*getattr(backend, "converters", ())} <= {*READS, *_ALONE}
    )


class _Section(NamedTuple):
    """A section with its variables put in."""

    value: Any
    undefined: set[str]
    alone: set[str]
    size: int
    """Characters of the values put in."""


class Shared:
    """The parts that devices of one stack share. Lives as long as the stack; may be used by several threads.

    Where variables make many variants of a section, the first ones are shared.

    Args:
        base: the merged templates.
    """

    def __init__(self, base: Mapping[str, Any]) -> None:
        self._base = base
        self._variables = {name: sorted(names(base[name])) for name in _SECTIONS & base.keys()}
        self._sections: dict[Hashable, _Section] = {}
        self._converted: dict[Hashable, Any] = {}
        self._texts: dict[int, str] = {}
        self._valid: set[tuple[str, int]] = set()
        #: Shared sections and blocks by identity; that they are here keeps their identity from being another's.
        self._kept: dict[int, Any] = {}

    def expand(self, merged: Mapping[str, Any], context: Mapping[str, Any], own: Substitution) -> dict[str, Any] | None:
        """Return a merged configuration with its variables put in; None where nothing may be shared.

        Args:
            merged: what the templates have in common with ``base`` is the same object.
            context: the device's variables.
            own: what is met in the device's own sections and in shared ones is noted there, too.

        Raises:
            NotPlain: it is no plain JSON.
        """
        expanded = {}
        size = 0
        for name, value in merged.items():
            if name in self._variables and self._base[name] is value:
                section = self._section(name, context)
                if section.alone:
                    return None  # a number may take the place of a text
                own.undefined |= section.undefined
                size += section.size
                expanded[name] = section.value
            else:
                expanded[name] = expand_plain(value, own.put_in)
        return expanded if size + own.size <= MAX_EXPANDED_SIZE else None

    def _section(self, name: str, context: Mapping[str, Any]) -> _Section:
        values = [str(context[variable]) if variable in context else None for variable in self._variables[name]]
        key = name, *values
        section = self._sections.get(key)
        if section is not None:
            return section
        substitution = Substitution(context)
        value = expand_plain(self._base[name], substitution.put_in)
        section = _Section(value, substitution.undefined, substitution.alone, substitution.size)
        if len(self._sections) < _MOST_SECTIONS:
            section = self._sections.setdefault(key, section)
            self._kept[id(section.value)] = section.value
        return section

    def unchecked(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the sections of a configuration that the schema has not seen yet."""
        return {name: section for name, section in config.items() if (name, id(section)) not in self._valid}

    def checked(self, config: Mapping[str, Any]) -> None:
        """Remember which of these sections, all of them valid, are shared."""
        self._valid.update((name, id(section)) for name, section in config.items() if id(section) in self._kept)

    def convert(self, converter: type, config: Mapping[str, Any], convert: Callable[[], Any]) -> Any:
        """Return what a converter makes of a configuration.

        Args:
            converter: its class.
            config: as ``expand`` returned it.
            convert: runs the converter.
        """
        reads = READS.get(converter)
        if reads is None:
            return convert()
        sections = [config.get(name) for name in reads]
        if not all(section is None or id(section) in self._kept for section in sections):
            return convert()
        key = converter, *map(id, sections)
        if key not in self._converted:
            made = self._converted.setdefault(key, convert())
            self._kept.update((id(block), block) for blocks in (made or {}).values() for block in blocks)
        return self._converted[key]

    def text(self, package: str, block: Block, quote: str) -> str:
        """Return the text of a block, see :func:`~.uci_text.block_text`."""
        identity = id(block)
        if identity not in self._kept:
            return block_text(package, block, quote)
        text = self._texts.get(identity)
        if text is None:
            text = self._texts[identity] = block_text(package, block, quote)
        return text
