"""Variables where the schema wants a number or a boolean: their text becomes one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from jsonschema import Draft4Validator
from netjsonconfig.backends.base.backend import format_checker

from .errors import Mistake, shown_value
from .variables import ALONE

Path = tuple[str | int, ...]
Schema = Mapping[str, Any]

_INTEGER = re.compile(r"[+-]?[0-9]{1,15}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?")
_BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
_WORDS = {"boolean": "true or false", "integer": "a whole number", "number": "a number"}
#: How many values are tried in one place until the configuration is valid.
_TRIES = 64
_MOST_PATHS = 10_000
#: Texts that keep the forms which schemas ask for; the number keeps them apart.
_TEXTS = (
    "name{}", "192.0.2.{}", "2001:db8::{}", "192.0.2.{}/32", "2001:db8::{}/128", "02:00:00:00:00:{:02x}",
    "http://192.0.2.{}/", "{}",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A text that is one variable and nothing else, where the schema wants something else than a text."""

    path: Path
    variable: str
    kinds: frozenset[str]
    schemas: tuple[Schema, ...]
    """Those of the schema that this value may have to obey."""

    @property
    def wanted(self) -> str:
        """What is wanted there, in words."""
        kinds = self.kinds - {"number"} if "integer" in self.kinds else self.kinds
        return " or ".join(_WORDS[kind] for kind in ("integer", "number", "boolean") if kind in kinds)

    @property
    def may_be_text(self) -> bool:
        """Whether a text is possible, too."""
        return any("string" in _kinds(schema) for schema in self.schemas)

    def takes(self, text: str) -> bool:
        """Tell whether a text may stay one here."""
        others = [schema for schema in self.schemas if "string" in _kinds(schema) or not any(_kinds(schema))]
        return self.may_be_text and all(_validator(schema).is_valid(text) for schema in others)

    def convert(self, text: str) -> Any:
        """Return what a text stands for here; raise ``ValueError`` when that is nothing that is wanted."""
        text = text.strip()
        if self.kinds & {"integer", "number"} and _INTEGER.fullmatch(text):
            return int(text)
        if "number" in self.kinds and "integer" not in self.kinds and _NUMBER.fullmatch(text):
            return float(text)
        if "boolean" in self.kinds and text.lower() in _BOOLEANS:
            return _BOOLEANS[text.lower()]
        raise ValueError(text)

    @property
    def is_text(self) -> bool:
        """Whether a text is wanted."""
        return not self.kinds

    def examples(self, number: int) -> list[Any]:
        """Return values that the schema may accept here.

        Args:
            number: of the variable; examples of different variables differ where they can, lest one thing becomes two.
        """
        if self.is_text:
            return self._texts(number)
        found: list[Any] = []
        for schema in self.schemas:
            if isinstance(schema.get("default"), (int, float)):
                found.append(schema["default"])
            if isinstance(schema.get("enum"), list):
                found += [value for value in schema["enum"] if not isinstance(value, str)]
            elif schema.get("type") in ("integer", "number"):
                found.append(_number_for(schema, number))
            elif schema.get("type") == "boolean":
                found += [False, True]
            found += [schema[bound] for bound in ("minimum", "maximum") if bound in schema]
        return self._best_first(found)

    def _texts(self, number: int) -> list[Any]:
        """Return texts, first those that obey most of the schemas."""
        found = [pattern.format(number % 200 + 1) for pattern in _TEXTS]
        found += [value for schema in self.schemas for value in schema.get("enum", ()) if isinstance(value, str)]
        lengths = {schema.get(name) for schema in self.schemas for name in ("minLength", "maxLength")}
        found += ["a" * length for length in lengths if isinstance(length, int) and 0 < length < 1000]
        return self._best_first(found)[:4]

    def _best_first(self, values: Iterable[Any]) -> list[Any]:
        """Sort values, each once, by how many of the schemas they obey."""
        checks = [_validator(schema) for schema in self.schemas]
        return sorted(dict.fromkeys(values), key=lambda value: -sum(check.is_valid(value) for check in checks))


def _validator(schema: Schema) -> Draft4Validator:
    """Return what checks a value against what a schema says by itself, without what it is composed of."""
    own = {key: value for key, value in schema.items() if key not in ("allOf", "anyOf", "oneOf", "not")}
    return Draft4Validator(own, format_checker=format_checker)


def _number_for(schema: Schema, number: int) -> Any:
    lowest = schema.get("minimum", 0) + bool(schema.get("exclusiveMinimum"))
    if "maximum" in schema:
        return max(schema["maximum"] - bool(schema.get("exclusiveMaximum")) - number, lowest)
    return lowest + 5000 + number


def find_places(schema: Any, merged: Any, known: PathsOfNumbers | None = None, *, texts: bool = False) -> list[Place]:
    """Return where a configuration has a variable in place of a number or a boolean.

    Args:
        schema: of the configuration.
        merged: the configuration, variables not yet put in.
        known: paths where it can be; None = everywhere.
        texts: also where it has one in place of a text.
    """
    if not isinstance(schema, dict):
        return []
    walk = _Walk(schema)
    found = []
    for path, name in texts_alone(merged):
        if known is not None and path not in known:
            continue
        schemas = walk.at(merged, path)
        kinds = frozenset(kind for each in schemas for kind in _kinds(each))
        if kinds & _WORDS.keys() or (texts and "string" in kinds):
            found.append(Place(path, name, kinds & _WORDS.keys(), tuple(schemas)))
    return found


def texts_alone(value: Any) -> list[tuple[Path, str]]:
    """Return the texts that are one variable and nothing else, each as its path and the name."""
    found: list[tuple[Path, str]] = []
    _collect(value, [], found)
    return found


def _collect(value: Any, path: list[str | int], found: list[tuple[Path, str]]) -> None:
    # every compiled configuration with such a text comes through here, so paths are made only where one stands
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, str):
            if "{{" in item and (match := ALONE.fullmatch(item)):
                found.append(((*path, key), match[1]))
        elif isinstance(item, (dict, list, tuple)):
            path.append(key)
            _collect(item, path, found)
            path.pop()


def put_in(config: Any, places: Iterable[Place], known: Callable[[str], bool]) -> tuple[list[Place], list[Mistake]]:
    """Replace the texts of variables by the numbers and booleans that they stand for.

    Args:
        config: with the variables put in as text; it is changed.
        places: where to look.
        known: tells whether a variable has a value.

    Returns:
        The places whose variable has no value, and what is wrong with the values of others.
    """
    open_places, mistakes = [], []
    for place in places:
        holder, key = _holder(config, place.path)
        text = holder[key] if holder is not None else None
        if not isinstance(text, str) or place.takes(text):
            continue
        if not known(place.variable):
            open_places.append(place)
            continue
        try:
            holder[key] = place.convert(text)
        except ValueError:
            if place.may_be_text:
                continue  # the schema says what is wrong with it
            value = shown_value(text, place.variable)
            mistakes.append(
                Mistake(
                    place.path, f'the variable "{place.variable}" has the value {value}, but {place.wanted} is wanted'
                )
            )
            open_places.append(place)
    return open_places, mistakes


def without_value(place: Place) -> Mistake:
    """Return what is wrong in a place whose variable has no value."""
    return Mistake(place.path, f'the variable "{place.variable}" has no value, but {place.wanted} is wanted')


def fill(config: Any, places: Sequence[Place], is_valid: Callable[[], bool]) -> None:
    """Put examples where variables have no value, such that the configuration is valid if any do that.

    Args:
        config: it is changed.
        places: where variables have no value.
        is_valid: tells whether ``config`` is valid as it is now.
    """
    names = {place.variable: number for number, place in enumerate(places)}
    slots = [(*_holder(config, place.path), place.examples(names[place.variable])) for place in places]
    slots = [slot for slot in slots if slot[0] is not None and slot[2]]
    for holder, key, examples in slots:
        holder[key] = examples[0]
    if not slots or is_valid():
        return
    for values in islice(_combinations([examples for _, _, examples in slots]), _TRIES):
        for (holder, key, _), value in zip(slots, values, strict=True):
            holder[key] = value
        if is_valid():
            return
    for holder, key, examples in slots:
        holder[key] = examples[0]


def _combinations(choices: Sequence[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """Go through choices of one value each: the first of all but one, then whatever else there is."""
    usual = tuple(values[0] for values in choices)
    for place, values in enumerate(choices):
        for value in values[1:]:
            yield (*usual[:place], value, *usual[place + 1 :])
    yield from product(*choices)


def _holder(config: Any, path: Path) -> tuple[Any, Any]:
    """Return the object or list that holds the value at a path, and under which key; None when there is none."""
    for step in path[:-1]:
        try:
            config = config[step]
        except (KeyError, IndexError, TypeError):
            return None, None
    last = path[-1] if path else None
    there = last in config if isinstance(config, dict) else isinstance(config, list) and last in range(len(config))
    return (config, last) if there else (None, None)


def _kinds(schema: Schema) -> Iterator[str]:
    kind = schema.get("type")
    if isinstance(kind, str):
        yield kind
    elif isinstance(kind, list):
        yield from kind
    elif isinstance(schema.get("enum"), list):
        for value in schema["enum"]:
            yield "string" if isinstance(value, str) else "boolean" if isinstance(value, bool) else "number"


class PathsOfNumbers:
    """Knows at which paths of a schema a number or a boolean may be wanted, whatever stands beside."""

    def __init__(self, schema: Any) -> None:
        self._walk = _Walk(schema if isinstance(schema, dict) else {})
        self._known: dict[tuple[str | None, ...], bool] = {}

    def __contains__(self, path: Path) -> bool:
        key = tuple(step if isinstance(step, str) else None for step in path)
        answer = self._known.get(key)
        if answer is None:
            answer = any(_WORDS.keys() & set(_kinds(each)) for each in self._walk.at_any(path))
            if len(self._known) < _MOST_PATHS:
                self._known[key] = answer
        return answer


class _Walk:
    """Goes down a schema along a value, leaving out the alternatives that the value contradicts."""

    def __init__(self, schema: Schema) -> None:
        self._root = schema

    def at(self, value: Any, path: Path) -> list[Schema]:
        """Return all subschemas that the value at ``path`` inside ``value`` may have to obey."""
        schemas = self._flat(self._root, value)
        for step in path:
            value = value[step]
            schemas = [
                flat for schema in schemas for below in _below(schema, step) for flat in self._flat(below, value)
            ]
        return schemas

    def at_any(self, path: Path) -> list[Schema]:
        """Return all subschemas that may be meant at a path."""
        schemas = self._flat(self._root, None)
        for step in path:
            schemas = [flat for schema in schemas for below in _below(schema, step) for flat in self._flat(below, None)]
        return schemas

    def _flat(self, schema: Any, value: Any, depth: int = 0) -> list[Schema]:
        """Return a schema and what it is composed of, as far as ``value`` does not contradict it."""
        schema = self._resolved(schema)
        if schema is None or depth > 20:
            return []
        result = [schema]
        for part in schema.get("allOf", ()):
            result += self._flat(part, value, depth + 1)
        for keyword in ("anyOf", "oneOf"):
            branches = schema.get(keyword, ())
            fitting = [branch for branch in branches if not self._contradicts(branch, value)]
            for branch in fitting or branches:
                result += self._flat(branch, value, depth + 1)
        return result

    def _contradicts(self, schema: Any, value: Any, depth: int = 0) -> bool:
        """Tell whether a constant of ``value`` (such as its ``type``) rules a schema out."""
        schema = self._resolved(schema)
        if schema is None or depth > 20 or not isinstance(value, dict):
            return False
        for name, below in schema.get("properties", {}).items():
            text = value.get(name)
            if isinstance(text, str) and "{{" not in text:
                allowed = (self._resolved(below) or {}).get("enum")
                if isinstance(allowed, list) and text not in allowed:
                    return True
        if any(self._contradicts(part, value, depth + 1) for part in schema.get("allOf", ())):
            return True
        groups = (schema.get(keyword, ()) for keyword in ("anyOf", "oneOf"))
        return any(group and all(self._contradicts(part, value, depth + 1) for part in group) for group in groups)

    def _resolved(self, schema: Any) -> Schema | None:
        for _ in range(20):
            if not isinstance(schema, dict):
                return None
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                return schema
            schema = _referred(self._root, reference)
        return None


def _below(schema: Schema, step: str | int) -> list[Any]:
    """Return the subschemas of what stands under a key or index."""
    if isinstance(step, int):
        items = schema.get("items")
        if isinstance(items, list):
            return [items[step] if step < len(items) else schema.get("additionalItems")]
        return [items]
    found = [schema["properties"][step]] if step in schema.get("properties", {}) else []
    found += [below for pattern, below in schema.get("patternProperties", {}).items() if re.search(pattern, step)]
    return found or [schema.get("additionalProperties")]


def _referred(root: Any, reference: str) -> Any:
    if not reference.startswith("#"):
        return None
    for part in reference.removeprefix("#").split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(root, dict) or part not in root:
            return None
        root = root[part]
    return root
