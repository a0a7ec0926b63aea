"""Variables are replaced literally, once, and within limits."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netjsonconfig.utils import evaluate_vars

from openwisp_controller.rendering import RenderingError, Stack, variables
from openwisp_controller.rendering.variables import expand, names


def test_names_are_found_in_values_only() -> None:
    config = {
        "{{ key }}": ["{{ a }}", {"x": "{{b}}-{{ c_1 }}"}],
        "y": ("{{ größe }}",),
        "z": "{{ }} {{ d e }}",
    }
    assert names(config) == {"a", "b", "c_1", "größe"}
    assert names("{{ a }}") == {"a"}
    assert names(None) == set()


@pytest.mark.parametrize("value", [r"\1", r"\g<0>", r"\n", "\\", r"a\\b", "$1", "{{ y }}", "{{ x }}", "{{", "}}"])
def test_values_are_literal_and_not_expanded_again(value: str) -> None:
    assert expand("{{ x }}", {"x": value, "y": "no"}) == value
    assert expand("{{ x }}+{{ y }}", {"x": value, "y": "no"}) == f"{value}+no"


def test_a_reference_made_of_two_values_is_not_expanded() -> None:
    assert expand("{{ a }}{{ b }}", {"a": "{{ ", "b": "c }}", "c": "no"}) == "{{ c }}"


def test_result_is_always_text_and_a_copy() -> None:
    config = {"a": ["{{ n }}", {"b": "{{ none }}"}], "c": 5, "{{ n }}": True}
    before = deepcopy(config)
    result = expand(config, {"n": 1, "none": None})
    assert result == {"a": ["1", {"b": "None"}], "c": 5, "{{ n }}": True}
    assert config == before
    assert result["a"] is not config["a"]


def test_empty_context_leaves_everything() -> None:
    config = {"a": ["{{ n }}"]}
    assert expand(config, {}) == config
    assert expand(config, {}) is not config


@pytest.mark.parametrize(
    "config", [{"a": "{{ big }}" * 50}, {"a": ["{{ big }}"] * 50}, {"b": [{"c": "{{ big }}" * 25}] * 2}]
)
def test_size_is_limited(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variables, "MAX_EXPANDED_SIZE", 4900)
    context = {"big": "x" * 100, "small": "y"}
    with pytest.raises(RenderingError, match='Variable "big" makes the configuration too large'):
        expand(config, context)
    with pytest.raises(RenderingError, match='Variable "big"'):
        Stack("netjsonconfig.OpenWrt").expand(config, context)
    assert expand({"a": "{{ big }}" * 49}, context) == {"a": "x" * 4900}


def test_the_usual_limit_stops_an_explosion() -> None:
    with pytest.raises(RenderingError, match="too large"):
        expand("{{ bomb }}" * 100_000, {"bomb": "x" * 100_000})


NAMES = st.sampled_from(["a", "b", "ab", "a_1", "ä", ""])
PIECES = st.one_of(
    st.text(alphabet="ab{} \n", max_size=5),
    st.builds("{{{{{0}{1}{0}}}}}".format, st.sampled_from(["", " ", "  "]), NAMES),
)
TEXTS = st.lists(PIECES, max_size=5).map("".join)
# values which neither refer to groups nor look like parts of references: there the library is right
SAFE = st.one_of(st.text(alphabet="xy z", max_size=4), st.integers(), st.booleans(), st.none(), st.floats())
TREES = st.recursive(
    st.one_of(TEXTS, SAFE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
)


@given(TREES, st.dictionaries(NAMES, SAFE, max_size=4))
def test_otherwise_as_netjsonconfig(config: Any, context: dict[str, Any]) -> None:
    assert repr(expand(config, context)) == repr(evaluate_vars(deepcopy(config), context))
