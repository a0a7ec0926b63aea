"""Layering as in netjsonconfig, whatever the layers are."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netjsonconfig import OpenWrt
from netjsonconfig.exceptions import ValidationError
from netjsonconfig.utils import merge_config as library_merge

from openwisp_controller.rendering import InvalidConfiguration, Stack
from openwisp_controller.rendering.merge import merge_config

IDENTIFIERS: list[Any] = [
    None, [], [".name"], OpenWrt.list_identifiers, OpenWrt.list_identifiers_interfaces,
]  # fmt: skip
KEYS = st.sampled_from(["a", "b", "name", "id", "config_value", "type", "vid", "interfaces"])
SCALARS = st.one_of(
    st.sampled_from(["x", "y", "8021q", "8021ad", 1, 0, True, False, None, 1.0, 1000, -7, ""]),
    st.text(max_size=2),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
CONFIGS = st.dictionaries(KEYS, VALUES, max_size=4)


def outcome(function: Any, *arguments: Any) -> Any:
    try:
        return repr(function(*arguments))
    except (InvalidConfiguration, ValidationError) as error:
        return "refused", getattr(error, "detail", None) or error.message
    except TypeError as error:
        return "impossible", str(error)


@settings(max_examples=400)
@given(st.lists(CONFIGS, min_size=2, max_size=4), st.sampled_from(IDENTIFIERS))
def test_like_netjsonconfig(layers: list[dict[str, Any]], identifiers: Any) -> None:
    def fold(merge: Any) -> Any:
        result: dict[str, Any] = {}
        for layer in layers:
            result = merge(result, layer, identifiers)
        return result

    before = repr(layers)
    expected = outcome(fold, library_merge)
    assert outcome(fold, merge_config) == expected
    assert repr(layers) == before


@settings(max_examples=200)
@given(st.lists(CONFIGS, max_size=3), CONFIGS)
def test_stack_merges_like_the_backend(templates: list[dict[str, Any]], config: dict[str, Any]) -> None:
    def library() -> Any:
        return OpenWrt(config, templates=deepcopy(templates)).config

    expected = outcome(library)
    if expected[0] == "impossible":
        return
    assert outcome(lambda: Stack("netjsonconfig.OpenWrt", templates).merge(config)) == expected


def test_conflict_text() -> None:
    with pytest.raises(InvalidConfiguration) as error:
        Stack("netjsonconfig.OpenWrt", [{"a": {"b": []}}, {"a": {"b": {}}}])
    assert error.value.detail == "Incompatible type for 'b': expected list, got dict."
    assert error.value.path == ()
    with pytest.raises(InvalidConfiguration, match="Incompatible type for 'a': expected dict, got list"):
        Stack("netjsonconfig.OpenWrt", [{"a": {}}]).merge({"a": []})
