"""Random numbers that can be repeated: functions of seed, owner, purpose and how often one was drawn before."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_RANGE = float(1 << 64)


class SeededRandom:
    """The random source of one owner.

    Draws for one purpose do not depend on those for others, nor on time, nor on what other owners do. So a
    run with the same seed meets the same faults, although its requests are never answered in the same order.
    """

    __slots__ = ("_counts", "_key")

    def __init__(self, seed: int, owner: str) -> None:
        self._key = hashlib.blake2b(f"{seed} {owner}".encode(), digest_size=16).digest()
        self._counts: dict[str, int] = {}

    def draw(self, purpose: str) -> float:
        """Return the next number for a purpose, from 0 up to but without 1."""
        count = self._counts.get(purpose, 0)
        self._counts[purpose] = count + 1
        digest = hashlib.blake2b(f"{purpose} {count}".encode(), digest_size=8, key=self._key).digest()
        # Only 53 bits fit a float; a full 64 could round up to 1.
        return (int.from_bytes(digest, "big") >> 11 << 11) / _RANGE

    def happens(self, purpose: str, rate: float) -> bool:
        """Return whether something of that probability, 0 to 1, happens now."""
        return self.draw(purpose) < rate

    def between(self, purpose: str, low: float, high: float) -> float:
        """Return a number between two bounds."""
        return low + (high - low) * self.draw(purpose)

    def pick(self, purpose: str, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[int(self.draw(purpose) * len(choices))]
