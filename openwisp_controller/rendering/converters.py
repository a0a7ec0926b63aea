"""netjsonconfig's converters, without the copying that makes them slow."""

from __future__ import annotations

from copy import deepcopy
from types import FunctionType
from typing import Any, cast

from netjsonconfig.backends.base.converter import BaseConverter
from netjsonconfig.backends.openwrt.converters import Default, Interfaces, WireguardPeers, ZeroTier

from .diamond import graft, per_class, with_globals
from .errors import Unwritable
from .merge import merge_list
from .uci_text import check_apart, refuse_same_name
from .values import NotPlain, copy_plain


def copy_value(value: Any) -> Any:
    """Copy NetJSON, plain or not."""
    try:
        return copy_plain(value)
    except NotPlain:
        return deepcopy(value)


class FastConverter(BaseConverter):
    """Sits between any converter and netjsonconfig's base class."""

    def get_copy(self, dict_: dict[str, Any], key: str, default: Any = None) -> Any:
        return copy_value(dict_.get(key, default))

    def to_intermediate(self) -> dict[str, Any]:
        result: dict[str, Any] = {}
        section = copy_value(self.netjson.get(self.netjson_key))
        if isinstance(section, list):
            for index, block in enumerate(section):
                result = self.to_intermediate_loop(block, result, index + 1)
            return result
        return cast(dict[str, Any], self.to_intermediate_loop(section, result))

    def sorted_dict(self, dict_: dict[str, Any]) -> dict[str, Any]:
        return dict(sorted(dict_.items()))


def _merge_interfaces(known: list[Any], added: list[Any], identifiers: Any = None) -> list[Any]:
    """Merge sections of interfaces by name as netjsonconfig does, but never two that are different things."""
    merged = merge_list(known, added, identifiers)
    if len(merged) < len(known) + len(added):
        check_apart("network", [*known, *added])
    return merged


class FastInterfaces(Interfaces):
    """Sits between any interface converter and netjsonconfig's."""

    to_intermediate_loop = with_globals(
        cast(FunctionType, Interfaces.to_intermediate_loop), deepcopy=copy_value, merge_list=_merge_interfaces
    )

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self._names_of_devices: dict[str, Any] = {}

    def _intermediate_8021_vlan(self, interface: dict[str, Any]) -> dict[str, Any]:
        interface = super()._intermediate_8021_vlan(interface)
        interface[".name"] = self._get_uci_name(interface[".name"])
        return interface

    def _check_bridge_vlan(self, interface: dict[str, Any]) -> dict[str, Any]:
        # a tunnel is no VLAN of a bridge, whatever its name
        return interface if interface.get("proto") == "vxlan" else super()._check_bridge_vlan(interface)

    def _Interfaces__intermediate_device(  # noqa: N802 - how Python calls the method that this one extends
        self, interface: dict[str, Any], address_list: list[Any]
    ) -> dict[str, Any]:
        device: dict[str, Any] = super()._Interfaces__intermediate_device(interface, address_list)
        if device:
            device[".name"] = self._name_of_device(device, interface)
        return device

    def _name_of_device(self, device: dict[str, Any], interface: dict[str, Any]) -> str:
        """Return the name of a device's section: netjsonconfig's, unless it gave that to another device before.

        It cuts the letters of "vlan_" off the names of VLANs, so several may be left with the same.
        """
        number = 1
        name = usual = device[".name"]
        while self._names_of_devices.setdefault(name, device["name"]) != device["name"]:
            name = f"device_{interface['.name']}" if number == 1 else f"{usual}_{number}"
            number += 1
        return str(name)


class FastWireguardPeers(WireguardPeers):
    """Sits between any converter of WireGuard peers and netjsonconfig's."""

    def to_intermediate_loop(self, block: dict[str, Any], result: dict[str, Any], index: Any = None) -> dict[str, Any]:
        # sections of peers carry the name of the section of their interface, where dots are replaced, too
        block["interface"] = self._get_uci_name(block["interface"])
        return cast(dict[str, Any], super().to_intermediate_loop(block, result, index))


class FastZeroTier(ZeroTier):
    """Sits between any converter of ZeroTier clients and netjsonconfig's."""

    def to_intermediate_loop(self, block: dict[str, Any], result: dict[str, Any], index: Any = None) -> dict[str, Any]:
        for network in block.get("networks", ()):
            for text in (str(network.get("id", "")), str(network.get("ifname", ""))):
                if "\n" in text or "\r" in text:  # the map of interfaces has a network a line
                    raise Unwritable(f"The ZeroTier network {text!r} cannot have line breaks.", text)
        return cast(dict[str, Any], super().to_intermediate_loop(block, result, index))


class QuietDefault(Default):
    """Sits between any default converter and netjsonconfig's, which prints to the terminal."""

    _convert = with_globals(cast(FunctionType, Default.to_intermediate), print=lambda *values: None)

    def to_intermediate(self) -> Any:
        for package, blocks in self.netjson.items():
            if isinstance(blocks, list) and package not in self.backend.schema["properties"]:
                self._check_names(package, blocks)
        return self._convert()

    def _check_names(self, package: str, blocks: list[Any]) -> None:
        """Make sure that names which differ as written still do as netjsonconfig writes them."""
        written: dict[str, Any] = {}
        number = 1
        for block in blocks:
            if isinstance(block, dict) and "config_name" in block:
                source = block.get("config_value", number)
                name = source if isinstance(source, str) else f"{block['config_name']}_{number}"
                if name and written.setdefault(self._get_uci_name(name), source) != source:
                    refuse_same_name(package, self._get_uci_name(name))
                number += 1


_FASTER = (FastInterfaces, FastWireguardPeers, FastZeroTier, QuietDefault, FastConverter)


@per_class
def fast_converter(converter: type) -> type:
    """Return a subclass of ``converter`` that gives the same result sooner, or ``converter`` itself."""
    if not issubclass(converter, BaseConverter):
        return converter
    try:
        return graft(converter, _FASTER)
    except TypeError:
        return converter
