"""How commands are shown: by the REST interface and in live updates alike."""

from __future__ import annotations

from rest_framework import serializers

from .models import Command

STAMPS = ("created", "modified")
"""Fields with the times of creation and of the last change."""


class CommandSerializer(serializers.ModelSerializer):
    """How a command is shown: secrets are masked, relations plain texts, as messages need them."""

    input = serializers.CharField(source="input_text", read_only=True)
    type = serializers.CharField(source="type_label", read_only=True)
    type_name = serializers.CharField(source="type", read_only=True)
    device = serializers.UUIDField(source="device_id", format="hex_verbose", read_only=True)
    connection = serializers.UUIDField(source="connection_id", format="hex_verbose", read_only=True, allow_null=True)
    batch_command = serializers.UUIDField(
        source="batch_command_id", format="hex_verbose", read_only=True, allow_null=True
    )

    class Meta:
        model = Command
        fields = ("id", "input", "device", "connection", *STAMPS, "status", "type", "output", "type_name",
                  "batch_command")  # fmt: skip
        read_only_fields = fields
