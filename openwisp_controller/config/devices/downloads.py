"""Which revision a device fetched last. Fetching never depends on a write: what cannot be noted now is noted later."""

from __future__ import annotations

import logging
import uuid

from ...common.recently import Recently
from ...common.sql import BOOKKEEPING_PATIENCE, UNAVAILABLE, update_now, update_row
from ..models import Config, Revision

logger = logging.getLogger(__name__)
#: What is to be noted, by device; a device reports within minutes of its download.
_owed = Recently("downloads-to-note", seconds=1800)


def note(device_id: uuid.UUID, revision_id: int | None, *, former: int | None) -> None:
    """Remember that a device fetched a revision, in the database, or in the cache until it reports.

    Args:
        device_id: primary key of the device.
        revision_id: what it fetched.
        former: what it fetched last before, as far as that is noted.
    """
    try:
        if update_now(Config, "device_id", device_id, BOOKKEEPING_PATIENCE, downloaded_id=revision_id):
            return
        reason: object = "somebody else is writing"
    except UNAVAILABLE as error:
        reason = error
    logger.info("The download of device %s is noted when it reports: %s", device_id, reason)
    _owed.note(str(device_id), (revision_id, former))


def owed(device_id: uuid.UUID, *, downloaded_id: int | None, released_id: int | None) -> int | None:
    """Return the revision that a device fetched and that is still to be noted, None when there is none.

    Args:
        device_id: primary key of the device.
        downloaded_id: what it fetched last, as far as that is noted.
        released_id: what it is served.
    """
    if downloaded_id == released_id:
        return None
    revision_id, former = _owed.noted(str(device_id)) or (None, None)
    return revision_id if former == downloaded_id else None  # else a later download was noted


def settle(config: Config) -> None:
    """Store what could not be noted of a device that reports now.

    Args:
        config: locked by the caller.
    """
    revision_id = owed(config.device_id, downloaded_id=config.downloaded_id, released_id=config.released_id)
    if revision_id is None:
        return
    revision = Revision.objects.defer("archive").filter(config=config, pk=revision_id).first()
    if revision is None:
        return
    _owed.forget(str(config.device_id))
    config.downloaded = revision
    update_row(config, "downloaded_id")
