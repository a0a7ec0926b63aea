"""The compiled schema never accepts what the Python validator refuses, and patterns mean the same."""

from __future__ import annotations

import random
import re
import string
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator
from netjsonconfig.backends.base.backend import format_checker

from openwisp_controller.rendering import Stack, load_backend
from openwisp_controller.rendering.backends import compiled_schema
from openwisp_controller.rendering.patterns import portable
from openwisp_controller.rendering.schema import CompiledSchema, NotCompilable
from openwisp_controller.rendering.values import NotPlain, copy_plain

from .corpus import INVALID, VALID
from .mutation import ODD, mutate

BACKENDS = ["OpenWrt", "OpenWisp", "OpenVpn", "Wireguard", "VxlanWireguard", "ZeroTier"]


def accepts(case_backend: str, config: Any) -> tuple[bool, bool]:
    backend = load_backend(case_backend)
    compiled = compiled_schema(backend)
    assert compiled is not None
    return compiled.accepts(config), Draft4Validator(backend.schema, format_checker=format_checker).is_valid(config)


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_of_the_library_is_compiled(name: str) -> None:
    assert compiled_schema(load_backend(f"netjsonconfig.{name}")) is not None


def test_the_corpus_is_judged_alike() -> None:
    for case in VALID:
        expanded = Stack(case.backend, case.templates, dsa=case.dsa).expand(case.config, case.context)
        assert accepts(case.backend, expanded) == (True, True), case.name


@settings(max_examples=600)
@given(st.sampled_from([*VALID, *INVALID]), st.randoms(use_true_random=False))
def test_mutated_configurations_are_judged_alike(case: Any, draw: random.Random) -> None:
    try:
        plain = copy_plain(mutate(case.config, draw))
    except NotPlain:
        assume(False)
    fast, slow = accepts(case.backend, plain)
    assert fast == slow


KEYWORDS = st.fixed_dictionaries({}, optional={
    "type": st.sampled_from(["integer", "number", "string", "boolean", "array", "object", "null", ["string",
        "integer"]]),
    "enum": st.lists(st.sampled_from(ODD), min_size=1, max_size=3, unique_by=repr),
    "minimum": st.integers(-2, 2), "maximum": st.integers(-2, 70000), "minLength": st.integers(0, 3),
    "maxLength": st.integers(0, 16), "uniqueItems": st.booleans(), "minItems": st.integers(0, 2),
    "maxItems": st.integers(0, 2), "format": st.sampled_from(["ipv4", "ipv6", "hostname", "date", "email",
        "unknown"]),
    "pattern": st.sampled_from([r"^[^\s]*$", r"^(\S*)$", r"^[0-9]\d*:[0-9]\d*$", r"^a|b$", r"\w+", "(?i)A",
        r"(a)\1"]),
    "required": st.lists(st.sampled_from(["a", "name"]), min_size=1, unique=True),
})  # fmt: skip
SCHEMAS = st.recursive(
    st.one_of(st.booleans(), KEYWORDS),
    lambda inner: st.one_of(
        st.builds(lambda a, b: {**a, "not": b}, KEYWORDS, inner),
        *(
            st.builds(lambda k, a: {k: a}, st.just(k), st.lists(inner, min_size=1, max_size=3))
            for k in ("anyOf", "oneOf", "allOf")
        ),
        st.builds(
            lambda a, b, c: {"properties": {"a": a, "name": b}, "additionalProperties": c},
            inner,
            inner,
            inner,
        ),
        st.builds(lambda a: {"items": a}, inner),
        st.builds(lambda a, b: {"items": [a], "additionalItems": b}, inner, inner),
    ),
    max_leaves=5,
)


@settings(max_examples=300)
@given(SCHEMAS, st.lists(st.sampled_from(ODD), min_size=1, max_size=8))
def test_schemas_of_others_are_judged_alike(schema: Any, values: list[Any]) -> None:
    assume(isinstance(schema, dict))
    try:
        compiled = CompiledSchema(schema, format_checker)
    except NotCompilable:
        return
    for value in values:
        slow = Draft4Validator(schema, format_checker=format_checker).is_valid(value)
        assert compiled.accepts(value) == slow, value


@pytest.mark.parametrize("schema", [
    {"dependencies": {"a": ["b"]}}, {"multipleOf": 0.1}, {"patternProperties": {"a": {}}}, {"$ref":
    "#/nowhere"}, {"id": "http://x"}, {"type": "any"}, {"format": "cidr"}, {"properties": {"a": 5}}, [], True,
])  # fmt: skip
def test_what_is_not_proven_is_left_to_python(schema: Any) -> None:
    with pytest.raises(NotCompilable):
        CompiledSchema(schema, format_checker)


def test_references_and_their_neighbours() -> None:
    schema = {
        "definitions": {"n": {"type": "integer"}},
        "properties": {"a": {"$ref": "#/definitions/n", "enum": ["x"]}},
    }
    compiled = CompiledSchema(schema, format_checker)
    assert compiled.accepts({"a": 1})
    assert not compiled.accepts({"a": "x"})


@pytest.mark.parametrize("value", [(1,), {1: 2}, float("nan"), float("inf"), 2**53, -(2**60), 1e300, b"x", {"a": {1}}])
def test_other_values_are_not_plain(value: Any) -> None:
    with pytest.raises(NotPlain):
        copy_plain({"a": [value]})


def test_text_that_is_not_unicode_goes_to_python() -> None:
    assert CompiledSchema({"maxLength": 1}, format_checker).accepts("a")
    assert not CompiledSchema({"maxLength": 1}, format_checker).accepts("\ud800")


def patterns(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        own = {schema["pattern"]} if isinstance(schema.get("pattern"), str) else set()
        return own.union(*map(patterns, schema.values()))
    return set().union(*map(patterns, schema)) if isinstance(schema, list) else set()


PATTERNS = sorted(set().union(*(patterns(load_backend(f"netjsonconfig.{name}").schema) for name in BACKENDS)))
ALPHABET = string.printable + "".join(map(chr, range(0x80, 0x100))) + "\u1680\u2003\u2028\u2029\u3000\ufeff\u0663İſ"


@pytest.mark.parametrize(
    "pattern", [*PATTERNS, "a|b$", "^a$|^b", "(?:^x$)", "[^a]b+", "a{2,3}$", r"[\s_]", "^$", "(a|)$"]
)
def test_portable_patterns_mean_the_same(pattern: str) -> None:
    native = portable(pattern)
    if native is None:
        assert "\\d" in pattern
        return
    validator = jsonschema_rs.Draft4Validator({"pattern": native}, pattern_options=jsonschema_rs.RegexOptions())
    draw = random.Random(pattern)
    texts = [
        *ALPHABET,
        *(c + "\n" for c in ALPHABET),
        *(f"a{c}b" for c in ALPHABET),
        "",
        "\n\n",
        "a\n\n",
        "infinite",
    ]
    seeds = ["00:11:22:33:44:55", "10 20", "1:2", "a", "aa", "b", "x", "0644", "/etc/x 10", "eth0"]
    for seed in seeds:
        texts += [seed, seed + "\n", "\n" + seed, seed + seed]
        texts += [seed.replace(draw.choice(seed), draw.choice(ALPHABET), 1) for _ in range(60)]
    for text in texts:
        assert validator.is_valid(text) == (re.search(pattern, text) is not None), text


@pytest.mark.parametrize(
    "pattern", [r"\d", r"\w", ".", "(?i)a", "(?=a)", r"(a)\1", r"\bx", "$a", "(a$)*", "(", "é", "a*?"]
)
def test_patterns_without_certain_translation(pattern: str) -> None:
    assert portable(pattern) is None
