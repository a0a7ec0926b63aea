"""What follows when a CA gets a new key: the certificates that it signed are renewed, one transaction each.

Which ones are still to do stands in their rows, so it goes on wherever it was interrupted.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from django.db import connection, transaction

from . import issuing

if TYPE_CHECKING:
    from .models import Ca

logger = logging.getLogger(__name__)
#: So many certificates are renewed while somebody waits; more are left to the background.
AT_ONCE = 2


def follow(ca: Ca) -> None:
    """Renew the certificates of a renewed CA, at once where that is quick."""
    from .models import Cert

    lengths = list(Cert.outdated().filter(ca=ca).values_list("key_length", flat=True)[: AT_ONCE + 1])
    if len(lengths) <= AT_ONCE and all(issuing.is_quick(length) for length in lengths):
        renew_outdated(ca.pk)
    elif lengths:
        transaction.on_commit(partial(_wake, ca.pk))


def renew_outdated(ca_id: int | None = None) -> int:
    """Renew certificates whose CA has a new key, servers' first (they are older); return how many there were.

    Args:
        ca_id: only those of this CA.
    """
    count = 0
    failed: list[int] = []
    while True:
        rows = _outdated(ca_id).exclude(pk__in=failed)
        row = rows.values_list("pk", "key_length").first()
        if row is None:
            return count
        key = issuing.new_key(row[1])
        with transaction.atomic():
            skip = connection.features.has_select_for_update_skip_locked
            claimed = rows.filter(key_length=row[1]).select_related("ca")
            cert = claimed.select_for_update(of=("self",), skip_locked=skip).first()
            if cert is None:
                return count
            try:
                with transaction.atomic():
                    cert.renew(key)
            except Exception:  # one that cannot be signed must not stop the others
                logger.exception("Renewing certificate %s failed", cert.pk)
                failed.append(cert.pk)
                continue
        count += 1


def _outdated(ca_id: int | None):  # type: ignore[no-untyped-def]
    from .models import Cert

    certs = Cert.outdated().order_by("pk")
    return certs.filter(ca_id=ca_id) if ca_id is not None else certs


def _wake(ca_id: int) -> None:
    from kombu.exceptions import OperationalError

    from . import tasks

    try:
        tasks.renew_outdated.delay(ca_id)
    except (OperationalError, OSError) as error:
        logger.warning("The broker is unreachable, renewing waits for the reconciler: %s", error)
