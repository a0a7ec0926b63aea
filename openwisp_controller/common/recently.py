"""What happened of late, remembered in the cache: so that something is done or said once, not again and again."""

from __future__ import annotations

import logging
from typing import Any

from django.core.cache import cache

logger = logging.getLogger(__name__)


class Recently:
    """Things that were noted of late. A cache that is away remembers nothing.

    Args:
        what: names the things in the cache.
        seconds: after which they are forgotten.
    """

    def __init__(self, what: str, *, seconds: int) -> None:
        self.what = what
        self.seconds = seconds

    def note(self, which: str, value: Any = True) -> None:
        """Remember something, or a value of it."""
        self._try("set", which, value, self.seconds)

    def noted(self, which: str) -> Any:
        """Return the value that is remembered of something, None when it is not."""
        return self._try("get", which)

    def was_noted(self, which: str) -> bool:
        """Tell whether something is remembered."""
        return self.noted(which) is not None

    def forget(self, which: str) -> None:
        """Forget something."""
        self._try("delete", which)

    def is_new(self, which: str) -> bool:
        """Tell whether something is not remembered yet, and remember it from now on."""
        return self._try("add", which, True, self.seconds) is not False

    def _try(self, operation: str, which: str, *arguments: Any) -> Any:
        try:
            return getattr(cache, operation)(f"controller-recently-{self.what}-{which.encode().hex()}", *arguments)
        except Exception as error:
            logger.warning("The cache is not available: %s", error)
            return None
