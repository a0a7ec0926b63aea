"""Which revision a device may fetch: what was compiled, unless its release is held."""

from __future__ import annotations

import uuid
from typing import cast

from ...common.sql import update_many
from ..models import Config, Revision
from .loading import Loaded, load
from .outcome import Outcome

Status = Config.Status


def release(outcome: Outcome, checksum: str) -> None:
    """Make the compiled revision, which has this checksum, available to the device, unless its release is held."""
    config = cast(Loaded, outcome.config)
    if config.release_policy == Config.Release.HELD and config.released_id is not None:
        return
    if Config._meta.get_field("compiled").is_cached(config):
        config.released = config.compiled
    else:
        config.released_id = config.compiled_id
    outcome.released = config.released_checksum != checksum
    if outcome.released and not config.is_deactivating_or_deactivated():
        config.status, config.error_reason = status_of(config, checksum), ""


def status_of(config: Loaded, checksum: str | None) -> Status:
    """Return "applied" when the device provably runs just that, which happens when a change is taken back.

    A device that never downloaded from here is believed, as in its reports.
    """
    proven = config.applied_checksum is not None and config.applied_checksum == checksum
    return Status.APPLIED if proven and config.downloaded_checksum in (None, checksum) else Status.MODIFIED


def release_held(config_id: uuid.UUID, revision: Revision) -> Outcome:
    """Release a revision that was compiled earlier and hold the configuration there; must run in a transaction."""
    (config,) = load([config_id])
    outcome = Outcome(config, previous_status=config.status)
    outcome.released = config.released_checksum != revision.checksum
    config.released = revision
    config.release_policy = Config.Release.HELD
    if outcome.released:
        config.status, config.error_reason = status_of(config, revision.checksum), ""
    columns = ("id", "status", "error_reason", "released_id", "release_policy")
    update_many(Config, columns, [[getattr(config, name) for name in columns]])
    return outcome
