"""Images of floor plans."""

from __future__ import annotations

import io

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image


def image(kind: str = "PNG", size: tuple[int, int] = (10, 8), color: str = "white") -> bytes:
    """Return an image of that kind, as bytes."""
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, kind)
    return file.getvalue()


def upload(content: bytes | None = None, name: str = "plan.png") -> SimpleUploadedFile:
    """Return what a form or a request carries; by default a small image."""
    return SimpleUploadedFile(name, image() if content is None else content)
