"""A backend whose schema has alternatives and references, and which shows what it was given."""

from __future__ import annotations

from typing import Any

from netjsonconfig.backends.base.backend import BaseBackend


def _item(kind: str, value: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["kind", "value"],
        "properties": {"kind": {"enum": [kind]}, "value": value},
    }


class OtherSchema(BaseBackend):
    schema: Any = {
        "type": "object",
        "definitions": {
            "whole": {"allOf": [{"type": "integer"}, {"minimum": 1, "maximum": 9}]},
            "number": _item("number", {"$ref": "#/definitions/whole"}),
        },
        "properties": {
            "items": {
                "type": "array",
                "items": {
                    "oneOf": [
                        {"$ref": "#/definitions/number"},
                        _item("flag", {"type": "boolean"}),
                        _item("text", {"type": "string"}),
                        _item("either", {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
                        _item("list", {"type": "array", "items": {"$ref": "#/definitions/whole"}}),
                        _item("map", {"type": "object", "additionalProperties": {"type": "number"}}),
                    ]
                },
            }
        },
    }
    converters: Any = ()

    def validate(self) -> None:
        super().validate()

    def render(self, files: bool = True) -> str:
        self.validate()
        return repr(self.config["items"])
