"""Optimistic locking: entity tags that also tell what changed since.

A tag holds a short hash of each writable value, so an outdated one shows which values somebody else changed. What
devices and the controller change by themselves (status, addresses seen) is no part of it. See RFC 9110, 13.1.1.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from rest_framework.exceptions import APIException

_HASH = 8
"""Characters."""


class Changed(APIException):
    """The object is not what the client takes it for: 412, with the names of the values that differ."""

    status_code = 412
    default_code = "changed"

    def __init__(self, fields: list[str]) -> None:
        names = ", ".join(fields)
        text = (
            f"Somebody changed this object since you read it: {names}." if names else "The tag in If-Match is unknown."
        )
        super().__init__({"detail": f"{text} Read it again, then repeat the request with the new ETag.",
                          "changed": fields})  # fmt: skip


def tag(values: dict[str, Any]) -> str:
    """Return the entity tag for the writable values of an object."""
    return '"' + ".".join(_hash(values[name]) for name in sorted(values)) + '"'


def check(given: str, values: dict[str, Any]) -> None:
    """Raise ``Changed`` unless the header ``If-Match`` names the object as it is.

    Args:
        given: the value of the header: a tag, several, or ``*``.
        values: the writable values, by name.
    """
    current = tag(values)
    tags = [each.strip() for each in given.split(",")]
    if "*" in tags or current in tags:
        return
    hashes = tags[0].removeprefix("W/").strip('"').split(".")
    names = sorted(values)
    if len(hashes) != len(names):
        raise Changed([])
    raise Changed([name for name, known in zip(names, hashes, strict=True) if known != _hash(values[name])])


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]
