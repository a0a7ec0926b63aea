"""Path converters that packages use in their addresses."""

from __future__ import annotations

import uuid

from django.urls import register_converter
from django.urls.converters import get_converters


class UUIDAnyConverter:
    """A UUID with or without dashes, as devices write it either way: ``<uuid_any:pk>``."""

    regex = "[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}"

    def to_python(self, value: str) -> uuid.UUID:
        return uuid.UUID(value)

    def to_url(self, value: uuid.UUID | str) -> str:
        return str(value)


if "uuid_any" not in get_converters():
    register_converter(UUIDAnyConverter, "uuid_any")
