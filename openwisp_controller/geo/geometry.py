"""Geometries that people, programs and devices send: what cannot be stored or shown again is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from django.contrib.gis.gdal import GDALException
from django.contrib.gis.geos import GEOSException, GEOSGeometry, Point, WKBWriter
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

SRID = 4326
"""Of everything stored: longitude and latitude in degrees."""
#: Coordinates of no system in use are larger, in whatever unit.
_LARGEST = 1e9


def parse(value: Any) -> GEOSGeometry:
    """Return what is meant by a GeoJSON object, or a text with GeoJSON, WKT or EWKT, in degrees and flat.

    Args:
        value: of whatever kind.

    Raises:
        ValidationError: it is no geometry, has no place, or coordinates that are no numbers.
    """
    try:
        geometry: Any = GEOSGeometry(json.dumps(value) if isinstance(value, dict) else value)
        _check_numbers(geometry)
        if geometry.srid is None:
            geometry.srid = SRID
        elif geometry.srid != SRID:
            geometry.transform(SRID)
            _check_numbers(geometry)
        if geometry.hasz:
            geometry = GEOSGeometry(WKBWriter(dim=2).write(geometry), srid=SRID)
    except (GEOSException, GDALException, ValueError, TypeError, RecursionError) as error:
        raise _unusable(error) from None
    result: GEOSGeometry = geometry
    return result


def check_position(geometry: GEOSGeometry) -> None:
    """Check that a geometry is a point on the earth, as devices report it; raise ``ValidationError``."""
    if not isinstance(geometry, Point):
        raise ValidationError(_("A position must be a point."))
    if not -180 <= geometry.x <= 180:
        raise ValidationError(_("Longitude must be between -180 and 180 degrees."))
    if not -90 <= geometry.y <= 90:
        raise ValidationError(_("Latitude must be between -90 and 90 degrees."))


def shown(geometry: GEOSGeometry | None) -> dict[str, Any] | None:
    """Return a geometry as GeoJSON; points, which there are thousands of, without a detour."""
    if geometry is None:
        return None
    if isinstance(geometry, Point) and not geometry.empty:
        return {"type": "Point", "coordinates": list(geometry.coords)}
    result: dict[str, Any] = json.loads(geometry.geojson)
    return result


def _check_numbers(geometry: Any) -> None:
    """Raise ``ValueError`` unless a geometry has a place; the library of projections never ends with huge numbers."""
    numbers = list(_numbers(geometry.coords))
    if not numbers or geometry.empty:
        raise ValueError(_("it is empty."))
    if not all(math.isfinite(number) and abs(number) <= _LARGEST for number in numbers):
        raise ValueError(_("its coordinates are no numbers, or too large ones."))


def _numbers(coordinates: Any) -> Iterator[float]:
    if isinstance(coordinates, float | int):
        yield float(coordinates)
        return
    for each in coordinates:
        yield from _numbers(each)


def _unusable(reason: Any) -> ValidationError:
    return ValidationError(_("Unable to convert to python object: {reason}").format(reason=reason))
