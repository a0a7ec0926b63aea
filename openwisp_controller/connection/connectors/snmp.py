"""SNMP credentials: they are validated and stored; there is no implementation that connects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..schema import validate


class Snmp:
    """Parameters of SNMP."""

    schema: ClassVar[dict[str, Any]] = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "title": "Credentials",
        "required": ["community", "agent"],
        "additionalProperties": False,
        "properties": {
            "community": {"type": "string", "default": "public"},
            "agent": {"type": "string"},
            "port": {"type": "integer", "default": 161, "minimum": 1, "maximum": 65535},
        },
    }
    has_update_strategy: ClassVar[bool] = False

    def __init__(self, params: dict[str, Any], addresses: Sequence[str]) -> None:
        self.params = params
        self.addresses = addresses

    @classmethod
    def validate(cls, params: Any) -> None:
        """Raise ``jsonschema.ValidationError`` unless ``params`` suit the schema."""
        validate(params, cls.schema)
