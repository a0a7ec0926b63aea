"""Limits how often one address may try shared secrets that are not the right ones.

Whoever presents the right secret of their device gets in, whatever others behind the same address tried: a whole city
may enrol from behind one. Nothing else devices do is limited.
"""

from __future__ import annotations

from ...common.failed_attempts import FailedAttempts
from ..settings import settings
from .responses import Answer

_failures = FailedAttempts("registrations", window=60)


def count_failure(address: str | None) -> None:
    """Remember an attempt with a secret that is not the right one; refuse it, right or wrong, after too many of them.

    Raises:
        Answer: 429, with the seconds to wait.
    """
    limit = settings.REGISTRATION_FAILURES_PER_MINUTE
    if limit and _failures.number(str(address)) >= limit:
        raise Answer("error: too many failed attempts, please try again later\n", 429, retry_after=_failures.window)
    _failures.count(str(address))
