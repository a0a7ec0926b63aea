"""The past of a configuration: its revisions, what differs between two, and going back to one."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from ... import rendering
from ..compiling.compilation import Compilation
from ..compiling.release import release_held
from ..models import Cause, Config, Revision
from ..unit_of_work import unit_of_work
from .stored import locked


def revisions(config: Config) -> QuerySet[Revision]:
    """Return the revisions of a configuration that are kept, the newest first, without their archives."""
    return config.revisions.select_related("author").defer("archive").order_by("-pk")


def pending(config: Config) -> Revision | None:
    """Return what would be released if the hold was lifted; None when that is what is released."""
    return config.compiled if config.compiled_id != config.released_id else None


def diff(old: Revision | None, new: Revision) -> str:
    """Return the unified diff of the files of two revisions.

    Args:
        old: None = compare with nothing, everything is added.
        new: of the same configuration or another.

    Returns:
        an empty text when the files are the same.
    """
    return "".join(rendering.diff(old.files() if old is not None else [], new.files()))


def roll_back(config: Config, revision: Revision) -> None:
    """Release an older revision of a configuration and hold the device there.

    Later changes are compiled and wait (see ``pending``); none is released until the hold is lifted.

    Raises:
        ValidationError: the revision belongs to another configuration, or the device is deactivated.
    """
    if revision.config_id != config.pk:
        raise ValidationError(_("This revision belongs to another device."))
    with unit_of_work() as unit:
        device = locked(unit, config.device_id)
        if device is None or device.is_deactivated():
            raise ValidationError(_("The device is deactivated: there is nothing to roll back."))
        outcome = release_held(config.pk, revision)
        unit.of(Compilation).released(config, outcome, Cause.ROLLED_BACK)


def hold(config: Config) -> None:
    """Hold a device at the released revision: changes go on compiling, and nothing is released."""
    config.release_policy = Config.Release.HELD
    config.save(update_fields=["release_policy", "modified"])


def lift_hold(config: Config) -> None:
    """Let a device follow again: what its configuration compiles to now is released."""
    config.release_policy = Config.Release.AUTOMATIC
    config.save(update_fields=["release_policy", "modified"])
