"""What can go wrong between NetJSON and the archive, said in words for the operator."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]

#: Names whose values are not told: whoever sees an error need not have the right to see them.
_SECRET = re.compile(r"(?i)key|pass|secret|token|psk|pvt|private")
_LONGEST_SHOWN = 60
NOT_SHOWN = "a value (not shown)"
_CONSTANTS = {None: "null", True: "true", False: "false"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong: where, and in words what."""

    path: Path
    text: str


def is_secret(name: object) -> bool:
    """Tell whether what has this name is better not shown."""
    return isinstance(name, str) and _SECRET.search(name) is not None


def shown_value(value: Any, *names: object) -> str:
    """Return a value for people; not what is secret, nor what is too long.

    Args:
        value: what is at fault.
        names: of the fields that it stands in, of its variable.
    """
    if any(map(is_secret, names)):
        return NOT_SHOWN
    text = _CONSTANTS[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


class RenderingError(Exception):
    """The configuration cannot be rendered; ``message`` says what is wrong and where."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UnknownBackend(RenderingError):
    """The dotted path of a backend leads nowhere usable."""

    def __init__(self, path: str, reason: object) -> None:
        super().__init__(f'Error while importing "{path}": {reason}')
        self.path = path


class InvalidConfiguration(RenderingError):
    """The configuration breaks its schema.

    ``path`` leads to the first offending value (keys and list indexes, empty for the whole configuration),
    ``detail`` says what is wrong with it, ``mistakes`` are all that were found, the first included; ``message`` tells
    all of them.
    """

    def __init__(self, detail: str, path: Path = (), more: Sequence[Mistake] = ()) -> None:
        self.mistakes = (Mistake(path, detail), *more)
        super().__init__("\n\n".join(map(_told, self.mistakes)))
        self.path = path
        self.detail = detail


def _told(mistake: Mistake) -> str:
    pointer = "/".join(str(step) for step in mistake.path)
    return f'Invalid configuration triggered by "#/{pointer}", validator says:\n\n{mistake.text}'


class UnreadableConfiguration(InvalidConfiguration):
    """The configuration obeys its schema, but the device would refuse or misread what becomes of it.

    ``found`` is the name or value at fault, see :class:`Unwritable`.
    """

    def __init__(self, detail: str, path: tuple[str | int, ...], found: str) -> None:
        super().__init__(detail, path)
        self.found = found


class Unwritable(RenderingError):
    """What the configuration says cannot be written in the language of the device.

    Raised where it is written; a stack makes an :class:`UnreadableConfiguration` of it, which knows the place.
    ``found`` is the name or value at fault, as far as one is: what to look for in the NetJSON.
    """

    def __init__(self, message: str, found: str = "") -> None:
        super().__init__(message)
        self.found = found
