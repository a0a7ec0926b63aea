"""Limits how often one address may guess the shared secret of an organization.

Only refused attempts count, for a whole city may enrol from behind one address. Nothing else devices do is limited.
"""

from __future__ import annotations

from ...common.failed_attempts import FailedAttempts
from ..settings import settings
from .responses import Answer

_failures = FailedAttempts("registrations", window=60)


def check(address: str | None) -> None:
    """Refuse further attempts from an address that failed too often.

    Raises:
        Answer: 429, with the seconds to wait.
    """
    limit = settings.REGISTRATION_FAILURES_PER_MINUTE
    if limit and _failures.number(str(address)) >= limit:
        raise Answer("error: too many failed attempts, please try again later\n", 429, retry_after=_failures.window)


def count_failure(address: str | None) -> None:
    """Remember that an attempt from an address was refused."""
    _failures.count(str(address))
