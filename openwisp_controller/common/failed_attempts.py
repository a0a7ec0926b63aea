"""Counting failed attempts in the cache, so that guessing can be slowed down."""

from __future__ import annotations

import logging

from django.core.cache import cache

logger = logging.getLogger(__name__)


class FailedAttempts:
    """How often something failed of late, by any text that identifies who tries.

    A cache that is away counts nothing: it must not keep anybody out.

    Args:
        what: names the attempts in the cache.
        window: seconds after which they are forgotten, counted from the first.
    """

    def __init__(self, what: str, window: int) -> None:
        self.what = what
        self.window = window

    def count(self, who: str) -> None:
        """Remember one more failure."""
        try:
            cache.add(self._key(who), 0, self.window)
            cache.incr(self._key(who))
        except Exception as error:
            logger.warning("The cache is not available, failed attempts are not counted: %s", error)

    def number(self, who: str) -> int:
        """Return how many failures are remembered."""
        try:
            return int(cache.get(self._key(who), 0))
        except Exception as error:
            logger.warning("The cache is not available, failed attempts are not counted: %s", error)
            return 0

    def _key(self, who: str) -> str:
        return f"controller-failed-{self.what}-{who.encode().hex()}"
