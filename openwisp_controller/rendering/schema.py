"""A schema compiled for speed, deciding exactly like netjsonconfig's own (slow) validation.

jsonschema-rs says yes or no. To make its answer the same as that of ``jsonschema.Draft4Validator``, the
schema is rewritten first: annotations go, patterns become portable, formats call the Python checkers.
Whatever cannot be rewritten with certainty makes the schema "not compilable", and its backend keeps to the
Python validator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jsonschema_rs
from jsonschema import FormatChecker

from .patterns import portable

# These pure functions of a string are the costly part of a validation, so their answers are remembered.
_CACHED_FORMATS = frozenset({"ipv4", "ipv6", "cidr", "hostname"})
_LONGEST_CACHED = 256

_COPIED = frozenset(
    (
        *("$ref", "enum", "type", "required", "uniqueItems"),
        *("minimum", "exclusiveMinimum", "minItems", "minLength", "minProperties"),
        *("maximum", "exclusiveMaximum", "maxItems", "maxLength", "maxProperties"),
    )
)
_ONE_SCHEMA = frozenset(("additionalItems", "additionalProperties", "not"))
_SCHEMA_LISTS = frozenset(("allOf", "anyOf", "oneOf"))
_SCHEMA_MAPS = frozenset(("definitions", "properties"))
# Known to one of the two validators, but not proven to mean the same to both.
_UNPROVEN = frozenset(("dependencies", "id", "$id", "multipleOf", "patternProperties", "extends", "disallow"))


class NotCompilable(Exception):
    """The schema uses something whose meaning the two validators may see differently."""


#: What a schema may say, so that each section of a configuration is valid or not by itself.
_BY_SECTION = frozenset(
    ("$schema", "title", "description", "type", "definitions", "properties", "additionalProperties")
)


class CompiledSchema:
    """Tells valid from invalid; ``accepts`` is safe to call from several threads."""

    by_section: bool
    """Whether a configuration is valid when each of its sections is, looked at one by one."""

    def __init__(self, schema: Mapping[str, Any], checker: FormatChecker) -> None:
        self._checker = checker
        self._formats: dict[str, Callable[[str], bool]] = {}
        if not isinstance(schema, dict):
            raise NotCompilable("not an object")
        try:
            translated = self._translate(schema)
            self.by_section = schema.keys() <= _BY_SECTION
            self._validator = jsonschema_rs.Draft4Validator(
                translated,
                formats=self._formats,
                validate_formats=True,
                pattern_options=jsonschema_rs.RegexOptions(),
                offline=True,
            )
        except (
            NotCompilable,
            ValueError,
            TypeError,
            RecursionError,
            jsonschema_rs.ReferencingError,
        ) as error:
            raise NotCompilable(str(error)) from error

    def accepts(self, config: Any) -> bool:
        """Return True if plain JSON ``config`` is valid; False means "ask the Python validator"."""
        try:
            return self._validator.is_valid(config)
        except Exception:  # text that is not Unicode, nesting too deep: the Python validator decides
            return False

    def _translate(self, schema: Any) -> dict[str, Any]:
        if schema is True:
            return {}
        if schema is False:
            return {"not": {}}
        if not isinstance(schema, dict):
            raise NotCompilable(f"schema of type {type(schema).__name__}")
        result = {keyword: value for keyword, value in schema.items() if keyword in _COPIED}
        for keyword, value in schema.items():
            if keyword in _ONE_SCHEMA:
                result[keyword] = self._translate(value)
            elif keyword in _SCHEMA_LISTS:
                result.setdefault(keyword, []).extend(self._translate(item) for item in value)
            elif keyword in _SCHEMA_MAPS:
                result[keyword] = {name: self._translate(item) for name, item in value.items()}
            elif keyword == "items":
                result[keyword] = self._translate_items(value)
            elif keyword in _UNPROVEN:
                raise NotCompilable(keyword)
        if "pattern" in schema:
            self._add_pattern(result, schema["pattern"])
        if "format" in schema:
            self._add_format(result, schema["format"], schema.get("type"))
        return result

    def _translate_items(self, value: Any) -> Any:
        if isinstance(value, bool):
            raise NotCompilable("items without a schema")
        return [self._translate(item) for item in value] if isinstance(value, list) else self._translate(value)

    def _add_pattern(self, result: dict[str, Any], pattern: str) -> None:
        native = portable(pattern)
        if native is not None:
            result["pattern"] = native
            return
        name = f"python-pattern-{len(self._formats)}"
        search = re.compile(pattern).search
        self._formats[name] = lambda text: search(text) is not None
        result.setdefault("allOf", []).append({"format": name})

    def _add_format(self, result: dict[str, Any], name: str, kind: object) -> None:
        if name not in self._checker.checkers:
            return
        if kind != "string" and not all(self._checker.conforms(probe, name) for probe in _NOT_STRINGS):
            raise NotCompilable(f"format {name} of values that are not strings")
        result.setdefault("allOf", []).append({"format": f"python-format-{name}"})
        self._formats[f"python-format-{name}"] = self._conforms(name)

    def _conforms(self, name: str) -> Callable[[str], bool]:
        checker = self._checker
        if name not in _CACHED_FORMATS:
            return lambda text: checker.conforms(text, name)

        @lru_cache(maxsize=8192)
        def remembered(text: str) -> bool:
            return checker.conforms(text, name)

        return lambda text: remembered(text) if len(text) <= _LONGEST_CACHED else checker.conforms(text, name)


_NOT_STRINGS: tuple[Any, ...] = (None, True, 0, -1, 2**200, 1.5, [], [1], {}, {"a": 1})
