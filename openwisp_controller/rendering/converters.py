"""netjsonconfig's converters, without the copying that makes them slow."""

from __future__ import annotations

from copy import deepcopy
from types import FunctionType
from typing import Any, cast

from netjsonconfig.backends.base.converter import BaseConverter
from netjsonconfig.backends.openwrt.converters import Default, Interfaces

from .diamond import graft, per_class, with_globals
from .merge import merge_list
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


class FastInterfaces(Interfaces):
    """Sits between any interface converter and netjsonconfig's."""

    to_intermediate_loop = with_globals(
        cast(FunctionType, Interfaces.to_intermediate_loop), deepcopy=copy_value, merge_list=merge_list
    )


class QuietDefault(Default):
    """Sits between any default converter and netjsonconfig's, which prints to the terminal."""

    to_intermediate = with_globals(cast(FunctionType, Default.to_intermediate), print=lambda *values: None)


_FASTER = (FastInterfaces, QuietDefault, FastConverter)


@per_class
def fast_converter(converter: type) -> type:
    """Return a subclass of ``converter`` that gives the same result sooner, or ``converter`` itself."""
    if not issubclass(converter, BaseConverter):
        return converter
    try:
        return graft(converter, _FASTER)
    except TypeError:
        return converter
