"""Serving the images of floor plans, and nothing else of what may lie beside them."""

from __future__ import annotations

from django.http import FileResponse, Http404, HttpRequest
from django.urls import path
from django.views.decorators.http import require_safe

from .files import CONTENT_TYPES, DIRECTORY, storage

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # a name is never used for another content
    "Cache-Control": "private, max-age=31536000, immutable",
}


@require_safe
def floorplan(request: HttpRequest, name: str) -> FileResponse:
    """Send an image to whoever knows its name, which cannot be guessed; always as an image.

    Raises:
        Http404: there is no such file, or it is no image by its name.
    """
    stem, _, ending = name.rpartition(".")
    if not stem.isalnum() or ending not in CONTENT_TYPES:
        raise Http404
    try:
        file = storage().open(f"{DIRECTORY}/{name}")
    except OSError:
        raise Http404 from None
    return FileResponse(file, content_type=CONTENT_TYPES[ending], headers=_HEADERS)


urlpatterns = [path(f"{DIRECTORY}/<str:name>", floorplan, name="floorplan_image")]
