"""Serializers of the REST interface. Packages extend them: names, ``Meta`` and the field ``config`` stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as ModelError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from ...common.rest.serializers import FieldsFoundOnce, MaskedSecrets, ValidatedSerializer
from ...common.validators import check_key_length
from ..assignment import rules
from ..compiling import undefined
from ..devices import management_ip as management_ips
from ..models import Config, Device, DeviceGroup, Template, Vpn
from ..settings import settings
from ..unit_of_work import unit_of_work
from .whois import ShowsBriefWhois, ShowsWhois

STAMPS = ("created", "modified")


class OrderedTemplates(serializers.ManyRelatedField):
    """Keys of templates in their order, looked up together."""

    def to_internal_value(self, data: Any) -> list[Template]:
        if not isinstance(data, list | tuple):
            self.fail("not_a_list", input_type=type(data).__name__)
        pk: Any = Template._meta.pk
        try:
            keys = [pk.to_python(key) for key in data]
        except ModelError as error:
            raise serializers.ValidationError(error.messages) from None
        found = self.child_relation.get_queryset().select_related("vpn").in_bulk(keys)
        for key in keys:
            if key not in found:
                self.child_relation.fail("does_not_exist", pk_value=key)
        return [found[key] for key in dict.fromkeys(keys)]

    def to_representation(self, iterable: Any) -> list[str]:
        return [str(template.pk) for template in iterable]


def templates_field(templates: Any, **options: Any) -> OrderedTemplates:
    """Return the field for an ordered list of ``templates``, a query set."""
    return OrderedTemplates(child_relation=serializers.PrimaryKeyRelatedField(queryset=templates), **options)


class FilterTemplatesByOrganization:
    """Limits a field of templates to those that a person may assign: of organizations that they manage, or shared."""

    def limit_templates(self, field: Any, user: Any) -> None:
        if not user.is_superuser and not user.is_anonymous:
            relation = field.child_relation
            mine = Q(organization__in=user.organizations_managed) | Q(organization=None)
            relation.queryset = relation.queryset.filter(mine)


class BaseConfigSerializer(FilterTemplatesByOrganization, FieldsFoundOnce):
    """The configuration of a device. Whether its values go together is checked with the device."""

    templates = templates_field(Template.objects.all())
    context = serializers.JSONField()
    config = serializers.JSONField()

    class Meta:
        model = Config
        fields = ["status", "error_reason", "backend", "templates", "context", "config"]
        read_only_fields = ["status", "error_reason"]
        extra_kwargs = {"backend": {"required": True}}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["backend"].required = True

    def bind(self, field_name: str, parent: Any) -> None:
        super().bind(field_name, parent)
        request = self.context.get("request")
        if request is not None:
            self.limit_templates(self.fields["templates"], request.user)


class DeviceListConfigSerializer(BaseConfigSerializer):
    """Lists show how the configuration is doing, not what it holds."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("templates", "context", "config"):
            self.fields[name].write_only = True

    def to_representation(self, instance: Config) -> dict[str, Any]:
        return {"status": instance.status, "error_reason": instance.error_reason, "backend": instance.backend}


class DeviceDetailConfigSerializer(BaseConfigSerializer):
    """The whole configuration."""


class BaseSerializer(ValidatedSerializer):
    """What all serializers here have in common."""


class DeviceSerializer(MaskedSecrets, BaseSerializer):
    """A device, stored together with its configuration and templates in one unit of work."""

    secrets = ("key",)
    config: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not settings.HARDWARE_ID_ENABLED:
            self.fields.pop("hardware_id", None)

    def validate_mac_address(self, value: str) -> str:
        return value.upper()

    def model_values(self, data: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name != "config"}

    def check(self, instance: Device) -> None:
        """Check the device, and what only people are held to; one of which nothing was sent is sound as it is."""
        if not self.is_touched:
            return
        given = self.initial_data if isinstance(self.initial_data, dict) else {}
        instance.full_clean()
        if "key" in given:
            check_key_length(instance.key)
        moved = instance._state.adding or instance.differing("management_ip", "organization_id")
        if moved and instance.management_ip:
            user = self.context["request"].user
            try:
                management_ips.check_assignable(instance.pk, instance.management_ip, instance.organization, user)
            except ModelError as error:
                raise ModelError({"management_ip": error.messages}) from None

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        self.is_touched = self.instance is None or bool(self.model_values(data))
        sent = data.get("config") or {}
        self.edits_configuration_alone = not self.is_touched and sent.keys() <= {"config", "context"}
        data = super().validate(data)
        sent = data.get("config")
        if sent:
            self._set_config(self.checked, sent)
        return data

    def _set_config(self, device: Device, sent: dict[str, Any]) -> None:
        """Put what was sent into the configuration and check it, with the templates that it shall have."""
        self.sent_templates: Sequence[Template] | None = None
        if not device.has_config():
            if _is_irrelevant(sent):
                return
            if not sent.get("backend"):
                raise serializers.ValidationError({"config": {"backend": [_("This field cannot be blank.")]}})
            config = Config(device=device, backend=sent["backend"])
            config.templates.set(sent.get("templates", ()))
        else:
            config = device.config
            self.sent_templates = sent.get("templates")
        for name in {"backend", "config", "context"} & sent.keys():
            setattr(config, name, sent[name])
        try:
            config.full_clean(exclude={"device", "templates"})
        except ModelError as error:
            raise serializers.ValidationError({"config": error.message_dict}) from None
        try:
            self._check_together(config)
        except ModelError as error:
            raise serializers.ValidationError({"config": error.messages}) from None

    def _check_together(self, config: Config) -> None:
        templates = self.templates_to_be(config)
        if config._state.adding or self.sent_templates is not None:
            rules.check_chosen(config, templates)
        problem = config.problem_with(templates)
        if problem:
            raise ModelError(_("There is a conflict with the specified templates. {}").format(problem))
        if settings.UNDEFINED_VARIABLES == "refuse":
            undefined.refuse(undefined.of_config(config, templates))

    def templates_to_be(self, config: Config) -> list[Template]:
        """Return the templates that the configuration will have, in order."""
        if config._state.adding:
            initial = rules.initial_templates(config.device, config.backend)
            present = {template.pk for template in initial}
            return [*initial, *(each for each in config.ordered_templates() if each.pk not in present)]
        if self.sent_templates is None:
            return [each for each in config.ordered_templates() if each.backend == config.backend]
        usable = Template.objects.usable_by(config.device.organization_id, config.backend)
        required = list(usable.filter(required=True).select_related("vpn").order_by("name"))
        keys = {template.pk for template in required}
        return [*required, *(each for each in self.sent_templates if each.pk not in keys)]

    def store(self, instance: Device, data: dict[str, Any]) -> None:
        with unit_of_work():
            if self.is_touched:
                instance.save()
            if not data.get("config") or not instance.has_config():
                return
            config, sent = instance.config, data["config"]
            try:
                if config._state.adding:
                    config.device = instance
                    config.save()
                    return
                if {"backend", "config", "context"} & sent.keys():
                    config.save()
                if self.sent_templates is not None:
                    config.templates.set(self.sent_templates)
            except (ModelError, PermissionDenied) as error:
                messages = error.messages if isinstance(error, ModelError) else [str(error)]
                raise serializers.ValidationError({"config": messages}) from None


class DeviceListSerializer(ShowsBriefWhois, DeviceSerializer):
    """Devices as lists show them; creates devices."""

    config = DeviceListConfigSerializer(required=False, allow_null=True)

    class Meta:
        model = Device
        fields = [
            "id", "name", "organization", "group", "mac_address", "hardware_id", "key", "last_ip", "management_ip",
            "model", "os", "system", "notes", "config", *STAMPS,
        ]  # fmt: skip
        read_only_fields = ["id", *STAMPS]
        extra_kwargs = {
            "last_ip": {"allow_blank": True, "read_only": False},
            "management_ip": {"allow_blank": True},
            "key": {"required": False, "allow_blank": True},
        }

    def validate_config(self, value: Any) -> Any:
        """Lists show null where there is no configuration, but nothing is created without being asked for."""
        if value is None:
            self.fail("null")
        return value


class DeviceDetailSerializer(ShowsWhois, DeviceSerializer):
    """One device with its whole configuration."""

    config = DeviceDetailConfigSerializer(allow_null=True)
    is_deactivated = serializers.BooleanField(read_only=True)

    class Meta:
        model = Device
        fields = [
            "id", "name", "organization", "group", "mac_address", "hardware_id", "key", "last_ip", "management_ip",
            "is_deactivated", "model", "os", "system", "notes", "config", "whois_info", *STAMPS,
        ]  # fmt: skip
        read_only_fields = ["id", *STAMPS]
        extra_kwargs = DeviceListSerializer.Meta.extra_kwargs


def _is_irrelevant(sent: dict[str, Any]) -> bool:
    """Tell whether nothing is said about a configuration: the default backend, and everything else empty."""
    is_default = sent.get("backend") == settings.DEFAULT_BACKEND
    return is_default and not any(sent.get(name) for name in ("templates", "context", "config"))


class TagsField(serializers.ListField):
    """Names of tags."""

    child = serializers.CharField(max_length=100)

    def get_attribute(self, instance: Any) -> Any:
        return instance

    def to_representation(self, instance: Any) -> list[str]:
        return [tag.name for tag in instance.tags.all()]


class TemplateSerializer(BaseSerializer):
    shared_relations = ("vpn",)
    config = serializers.JSONField(required=False, initial=dict)
    default_values = serializers.JSONField(required=False, initial=dict)
    tags = TagsField(required=False)

    class Meta:
        model = Template
        fields = [
            "id", "name", "organization", "type", "backend", "vpn", "tags", "auto_cert", "default", "required",
            "notes", "default_values", "config", *STAMPS,
        ]  # fmt: skip
        read_only_fields = ["id", *STAMPS]

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        type_ = data.get("type", self.instance.type if self.instance else Template.Type.GENERIC)
        if type_ == Template.Type.GENERIC and data.get("vpn") is not None:
            raise serializers.ValidationError({"vpn": [_("To select a VPN, set the template type to 'VPN-client'")]})
        return super().validate(data)

    def model_values(self, data: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name != "tags"}

    def check(self, instance: Template) -> None:
        try:
            instance.full_clean()
        except ModelError as error:
            raise _about_empty_config(error, self.initial_data) from None

    def store(self, instance: Template, data: dict[str, Any]) -> None:
        with unit_of_work():
            instance.save()
            if "tags" in data:
                instance.tags.set(data["tags"])


def _about_empty_config(error: ModelError, given: Any) -> ModelError:
    """Put the complaint about an empty configuration to the field, where the field was sent."""
    general = error.message_dict.get("__all__", []) if hasattr(error, "error_dict") else []
    if general == [str(_("The configuration field cannot be empty."))] and "config" in given:
        return ModelError({"config": general})
    return error


def _about_metadata(error: ModelError) -> ModelError:
    """Put what is wrong with the metadata to ``input``, where clients look for it."""
    messages = error.message_dict
    return ModelError({"input" if name == "meta_data" else name: messages[name] for name in messages})


class VpnSerializer(MaskedSecrets, BaseSerializer):
    secrets = ("key", "auth_token", "webhook_endpoint")
    shared_relations = ("ca", "cert", "subnet")
    config = serializers.JSONField()
    auth_token = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=128)

    class Meta:
        model = Vpn
        fields = [
            "id", "name", "host", "organization", "key", "ca", "cert", "subnet", "ip", "webhook_endpoint",
            "auth_token", "backend", "notes", "dh", "config", *STAMPS,
        ]  # fmt: skip
        read_only_fields = ["id", *STAMPS]
        extra_kwargs = {"key": {"required": False, "allow_blank": True}, "dh": {"trim_whitespace": False}}

    def validate_key(self, value: str) -> str:
        """A blank key is generated, as a missing one is."""
        return value or Vpn._meta.get_field("key").get_default()

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if self.instance is not None and "cert" not in data and "ca" in data and data["ca"] != self.instance.ca:
            data = {**data, "cert": None}
        return super().validate(data)


class DeviceGroupSerializer(FilterTemplatesByOrganization, BaseSerializer):
    templates = templates_field(Template.objects.filter(default=False, required=False))
    context = serializers.JSONField(required=False, initial=dict)
    meta_data = serializers.JSONField(required=False, initial=dict)

    class Meta:
        model = DeviceGroup
        fields = ["id", "name", "organization", "description", "templates", "context", "meta_data", *STAMPS]
        read_only_fields = ["id", *STAMPS]

    def filter_fields(self) -> None:
        super().filter_fields()
        user = self.context["request"].user
        relation = self.fields["templates"].child_relation
        relation.queryset = Template.objects.filter(default=False, required=False)
        self.limit_templates(self.fields["templates"], user)

    def model_values(self, data: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name != "templates"}

    def check(self, instance: DeviceGroup) -> None:
        try:
            instance.full_clean()
        except ModelError as error:
            raise _about_metadata(error) from None
        templates = self._sent_templates
        if templates is not None:
            try:
                rules.check_group(instance, templates)
                rules.check_group_servers(templates)
            except ModelError as error:
                raise ModelError({"templates": error.messages}) from None

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        self._sent_templates = data.get("templates")
        return super().validate(data)

    def store(self, instance: DeviceGroup, data: dict[str, Any]) -> None:
        with unit_of_work():
            instance.save()
            if "templates" in data:
                instance.templates.set(data["templates"])


__all__ = [
    "BaseConfigSerializer", "BaseSerializer", "DeviceDetailConfigSerializer", "DeviceDetailSerializer",
    "DeviceGroupSerializer", "DeviceListConfigSerializer", "DeviceListSerializer", "FilterTemplatesByOrganization",
    "TemplateSerializer", "VpnSerializer",
]  # fmt: skip
