"""Files of floor plans: what may be stored, under which name, and when they go."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.storage import Storage
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django_loci import settings as loci_settings
from PIL import Image

from .settings import settings

logger = logging.getLogger(__name__)
DIRECTORY = "floorplans"
#: Kinds of images that browsers show and that hold no scripts, by the name that Pillow has for them.
KINDS = {
    "PNG": ("png", "image/png"), "JPEG": ("jpg", "image/jpeg"), "MPO": ("jpg", "image/jpeg"),
    "WEBP": ("webp", "image/webp"), "GIF": ("gif", "image/gif"),
}  # fmt: skip
#: MPO, which some cameras write, is read as JPEG.
_READ = ("PNG", "JPEG", "WEBP", "GIF")
CONTENT_TYPES = dict(KINDS.values())
"""By the ending of the name."""
_NO_IMAGE = _("Upload a valid image. The file you uploaded was either not an image or a corrupted image.")
_MIB = 1024 * 1024


def storage() -> Storage:
    """Return the storage that ``LOCI_FLOORPLAN_STORAGE`` names."""
    result: Storage = loci_settings.FLOORPLAN_STORAGE()
    return result


def path(plan: Any, uploaded_name: str) -> str:
    """Return the name under which a new file is stored: nobody can guess it, and its ending tells what is in it."""
    kind = _kind(plan.image.file)
    ending = KINDS[kind][0] if kind else "bin"
    return f"{DIRECTORY}/{secrets.token_hex(20)}.{ending}"


def check(file: Any) -> None:
    """Check what was uploaded as a floor plan, by its content.

    Args:
        file: open, with a ``size``.

    Raises:
        ValidationError: it is too large, no image, or one of another kind.
    """
    if file.size > settings.FLOORPLAN_MAX_SIZE:
        limit = f"{settings.FLOORPLAN_MAX_SIZE / _MIB:g} MiB"
        raise ValidationError(_("The file is larger than {limit}.").format(limit=limit))
    if _kind(file) is None:
        raise ValidationError(_NO_IMAGE)


def _kind(file: Any) -> str | None:
    """Return the kind of an image by its content, None where it is no whole image of a kind that is allowed."""
    try:
        file.seek(0)
        with Image.open(file, formats=_READ) as image:
            kind, (width, height) = image.format, image.size
            if width * height > settings.FLOORPLAN_MAX_PIXELS:
                raise ValidationError(_("The image has too many pixels."))
            image.verify()
    except ValidationError:
        raise
    except Exception:  # Pillow raises whatever its parsers do
        return None
    finally:
        file.seek(0)
    return kind if kind in KINDS else None


def remove_after_commit(name: str, of: Any) -> None:
    """Delete a file once the transaction that made it useless is committed.

    Args:
        name: of the file; empty = there is none.
        of: whose it was, for the log.
    """
    if name:
        label = str(of)
        transaction.on_commit(lambda: _remove(name, label))


def _remove(name: str, label: str) -> None:
    files = storage()
    try:
        if files.exists(name):
            files.delete(name)
        else:
            logger.error("floorplan image not found while deleting %s:\n%s", label, name)
    except OSError as error:  # what the database says stands; a file too many does no harm
        logger.error("The file %s of %s could not be deleted: %s", name, label, error)
