"""Regular expressions of a schema, rewritten so that the fast validator decides exactly like Python's ``re``.

The two engines differ in what ``$``, ``\\s`` and ``\\d`` mean for odd characters. A rewritten pattern says
these things explicitly; a pattern that cannot be rewritten with certainty is left to Python.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import lru_cache
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_PUNCTUATION = frozenset("\\^$.|?*+()[]{}/-")


class _Unsupported(Exception):
    pass


@lru_cache(maxsize=512)
def portable(pattern: str) -> str | None:
    """Return an equivalent pattern (for a yes/no search) that every engine reads alike, or None."""
    try:
        tree = parser.parse(pattern)
        if tree.state.flags & ~re.UNICODE:
            return None
        return _sequence(tree, tail=True)
    except (re.error, _Unsupported):
        return None


def _sequence(nodes: Sequence[tuple[Any, Any]], tail: bool) -> str:
    last = len(nodes) - 1
    return "".join(_node(code, value, tail and index == last) for index, (code, value) in enumerate(nodes))


def _node(code: Any, value: Any, tail: bool) -> str:
    """Translate one element; ``tail`` says that nothing can follow it in the whole pattern."""
    if code is op.LITERAL:
        return _literal(value)
    if code is op.NOT_LITERAL:
        return f"[^{_literal(value)}]"
    if code is op.IN:
        return _character_set(value)
    if code is op.BRANCH:
        return "(?:" + "|".join(_sequence(branch, tail) for branch in value[1]) + ")"
    if code is op.SUBPATTERN:
        _, add_flags, remove_flags, content = value
        if not add_flags and not remove_flags:
            return f"(?:{_sequence(content, tail)})"
    if code is op.MAX_REPEAT:
        low, high, content = value
        times = f"{{{low},}}" if high is op.MAXREPEAT else f"{{{low},{high}}}"
        return f"(?:{_sequence(content, False)}){times}"
    if code is op.AT and value is op.AT_BEGINNING:
        return "^"
    if code is op.AT and value is op.AT_END and tail:
        return "\\n?$"
    raise _Unsupported


def _character_set(items: Sequence[tuple[Any, Any]]) -> str:
    if list(items) == [(op.CATEGORY, op.CATEGORY_NOT_SPACE)]:
        return f"[^{whitespace()}]"
    negated = items[0][0] is op.NEGATE
    parts = [_set_item(code, value) for code, value in items[negated:]]
    return f"[{'^' if negated else ''}{''.join(parts)}]"


def _set_item(code: Any, value: Any) -> str:
    if code is op.LITERAL:
        return _literal(value)
    if code is op.RANGE:
        return f"{_literal(value[0])}-{_literal(value[1])}"
    if code is op.CATEGORY and value is op.CATEGORY_SPACE:
        return whitespace()
    raise _Unsupported


def _literal(codepoint: int) -> str:
    character = chr(codepoint)
    if character in _PUNCTUATION:
        return "\\" + character
    if character.isascii() and (character.isalnum() or character in " _:,;@!\"'#%&=<>~`"):
        return character
    raise _Unsupported


@lru_cache(maxsize=1)
def whitespace() -> str:
    """Return all characters that ``\\s`` matches in Python, as the inside of a character set."""
    return "".join(filter(str.isspace, map(chr, range(sys.maxunicode + 1))))
