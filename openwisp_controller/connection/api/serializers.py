"""Serializers of the REST interface."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as ModelError
from openwisp_users.api.mixins import FilterSerializerByOrgManaged
from rest_framework import serializers

from ...common.rest.serializers import ValidatedSerializer, refused
from ...config.models import Device
from .. import commands, locations
from ..masked_params import restore_masked, shown_params
from ..models import BatchCommand, Command, Credentials, DeviceConnection
from ..serialization import STAMPS, CommandSerializer


class CredentialsSerializer(ValidatedSerializer):
    params = serializers.JSONField()

    class Meta:
        model = Credentials
        fields = ("id", "connector", "name", "organization", "auto_add", "params", *STAMPS)
        read_only_fields = ("id", *STAMPS)

    def validate_params(self, value: Any) -> Any:
        """A mask stands for what is stored."""
        return restore_masked(value, self.instance.params if self.instance else {})

    def to_representation(self, instance: Credentials) -> dict[str, Any]:
        shown = super().to_representation(instance)
        shown["params"] = shown_params(instance, self.context["request"].user)
        return shown


class CredentialsListSerializer(CredentialsSerializer):
    """Lists never show secrets."""

    def to_representation(self, instance: Credentials) -> dict[str, Any]:
        shown = super().to_representation(instance)
        shown["params"] = shown_params(instance, None)
        return shown


class DeviceConnectionSerializer(ValidatedSerializer):
    include_shared = True

    class Meta:
        model = DeviceConnection
        fields = ("id", "credentials", "update_strategy", "enabled", "is_working", "failure_reason", "last_attempt",
                  *STAMPS)  # fmt: skip
        read_only_fields = ("id", "is_working", "failure_reason", "last_attempt", *STAMPS)

    def fixed_values(self) -> dict[str, Any]:
        return {"device": self.context["device"]}


class NewCommandSerializer(ValidatedSerializer):
    """What is needed to send a command."""

    type = serializers.ChoiceField(choices=())
    input = serializers.JSONField(allow_null=True)
    connection = serializers.PrimaryKeyRelatedField(
        queryset=DeviceConnection.objects.none(), required=False, allow_null=True
    )

    class Meta:
        model = Command
        fields = ("type", "input", "connection")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        device = self.context.get("device")
        if device is not None:
            self.fields["type"].choices = commands.allowed_commands(device.organization_id)
            self.fields["connection"].queryset = device.deviceconnection_set.all()
        else:
            self.fields["type"].choices = commands.get_command_choices()  # as the description has it

    def filter_fields(self) -> None:
        """The device, which decides about everything here, was checked already."""

    def fixed_values(self) -> dict[str, Any]:
        return {"device": self.context["device"]}

    def to_representation(self, instance: Command) -> dict[str, Any]:
        return CommandSerializer(instance, context=self.context).data


class BatchCommandSerializer(serializers.ModelSerializer):
    """How a mass command is shown in lists."""

    device_count = serializers.IntegerField(read_only=True)
    input = serializers.SerializerMethodField()

    class Meta:
        model = BatchCommand
        fields = ("id", "organization", "status", "type", "input", "label", "notes", "group", "location",
                  "stop_after_failures", "device_count", "skipped_devices", *STAMPS)  # fmt: skip
        read_only_fields = fields

    def get_input(self, batch: BatchCommand) -> Any:
        return commands.masked(batch.type, batch.input)


class BatchCommandDetailSerializer(BatchCommandSerializer):
    """How a single mass command is shown."""

    counts = serializers.DictField(read_only=True)

    class Meta:
        model = BatchCommand
        fields = (*BatchCommandSerializer.Meta.fields, "devices", "counts")
        read_only_fields = fields


class DeviceKeysField(serializers.ManyRelatedField):
    """Keys of devices, looked up together; ``child_relation`` says among which."""

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list | tuple):
            self.fail("not_a_list", input_type=type(data).__name__)
        pk: Any = Device._meta.pk
        keys = [pk.to_python(key) for key in data]
        known = set(self.child_relation.get_queryset().filter(pk__in=keys).values_list("pk", flat=True))
        for key in keys:
            if key not in known:
                self.child_relation.fail("does_not_exist", pk_value=key)
        return keys


class NewBatchCommandSerializer(FilterSerializerByOrgManaged, serializers.ModelSerializer):
    """What is needed for a mass command."""

    input = serializers.JSONField(required=False, allow_null=True, default=None)
    devices = DeviceKeysField(
        child_relation=serializers.PrimaryKeyRelatedField(queryset=Device.objects.all()), required=False
    )

    class Meta:
        model = BatchCommand
        fields = ("organization", "type", "input", "label", "notes", "group", "location", "devices",
                  "stop_after_failures")  # fmt: skip

    def get_fields(self) -> dict[str, Any]:
        """Where there are no maps, there is no location to choose."""
        fields: dict[str, Any] = super().get_fields()
        model = locations.model()
        if model is None:
            del fields["location"]
        else:
            fields["location"] = serializers.PrimaryKeyRelatedField(
                queryset=model._default_manager.all(), required=False, allow_null=True,
                help_text="Key of a location; its devices get the command.",
            )  # fmt: skip
        return fields

    def filter_fields(self) -> None:
        super().filter_fields()
        user = self.context["request"].user
        devices = self.fields["devices"].child_relation
        if not user.is_superuser and not user.is_anonymous:
            devices.queryset = devices.queryset.filter(organization__in=user.organizations_managed)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        user = self.context["request"].user
        if not user.is_superuser and data.get("organization") is None:
            raise serializers.ValidationError(
                {"non_field_errors": ["Only superusers can execute batch commands without an organization."]}
            )
        return data

    def batch(self) -> tuple[BatchCommand, list[Any]]:
        """Return the checked mass command, not stored yet, and the devices that were named."""
        data = dict(self.validated_data)
        devices = data.pop("devices", [])
        data["location"] = getattr(data.get("location"), "pk", None)
        batch = BatchCommand(**data)
        try:
            batch.full_clean(exclude=None if self.context.get("complete", True) else {"type", "label"})
        except ModelError as error:
            raise refused(error) from None
        return batch, devices


class DryRunSerializer(NewBatchCommandSerializer):
    """A mass command that is only looked at: what it is called does not matter, what it does may be open."""

    class Meta(NewBatchCommandSerializer.Meta):
        extra_kwargs = {"label": {"required": False}, "type": {"required": False}}


class PlanSerializer(serializers.Serializer):
    """What a mass command would do."""

    devices = serializers.ListField(child=serializers.UUIDField(), help_text="Keys of all targets.")
    skipped = serializers.DictField(help_text="Why some of them would not get the command, by key.")


class BatchKeySerializer(serializers.Serializer):
    """The mass command that was created."""

    batch = serializers.UUIDField()
