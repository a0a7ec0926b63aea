"""Limits how often one address may guess the shared secret of an organization.

Only refused attempts count, for a whole city may enrol from behind one address. Nothing else devices do is limited.
"""

from __future__ import annotations

import logging

from django.core.cache import cache

from ..settings import settings
from .responses import Answer

logger = logging.getLogger(__name__)
WINDOW = 60
"""Seconds after which attempts are forgotten."""


def check(address: str | None) -> None:
    """Refuse further attempts from an address that failed too often.

    Raises:
        Answer: 429, with the seconds to wait.
    """
    limit = settings.REGISTRATION_FAILURES_PER_MINUTE
    if limit and _failures(address) >= limit:
        raise Answer("error: too many failed attempts, please try again later\n", 429, retry_after=WINDOW)


def count_failure(address: str | None) -> None:
    """Remember that an attempt from an address was refused."""
    try:
        cache.add(_key(address), 0, WINDOW)
        cache.incr(_key(address))
    except Exception as error:  # a cache that is away must not keep devices out
        logger.warning("The cache is not available, refused registrations are not counted: %s", error)


def _failures(address: str | None) -> int:
    try:
        return int(cache.get(_key(address), 0))
    except Exception as error:
        logger.warning("The cache is not available, refused registrations are not counted: %s", error)
        return 0


def _key(address: str | None) -> str:
    return f"controller-registration-failures-{address}"
