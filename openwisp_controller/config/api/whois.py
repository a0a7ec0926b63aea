"""What is known about addresses of devices, as the REST interface shows it."""

from __future__ import annotations

from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KT
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..models import Device, WHOISInfo
from ..models.whois import ADDRESS_PARTS
from ..whois.service import WHOISService

_POINT = {
    "type": "object",
    "nullable": True,
    "properties": {
        "type": {"type": "string", "enum": ["Point"]},
        "coordinates": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
    },
}


class _AddressSerializer(serializers.Serializer[Any]):
    """Where an address is; empty texts stand for what is not known."""

    city = serializers.CharField()
    country = serializers.CharField()
    continent = serializers.CharField()
    postal = serializers.CharField()

    def to_representation(self, instance: dict[str, str]) -> dict[str, str]:
        return {part: instance.get(part) or "" for part in ADDRESS_PARTS}


class WhoisInfoSerializer(serializers.ModelSerializer[WHOISInfo]):
    """Everything that is known about an address."""

    address = _AddressSerializer()
    coordinates = serializers.SerializerMethodField(help_text="GeoJSON: longitude and latitude.")

    class Meta:
        model = WHOISInfo
        fields = (
            "ip_address", "address", "created", "modified", "isp", "asn", "timezone", "cidr", "coordinates",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(_POINT)
    def get_coordinates(self, record: WHOISInfo) -> dict[str, Any] | None:
        point = record.coordinates
        return {"type": "Point", "coordinates": [point.x, point.y]} if point is not None else None


class ShowsWhois(serializers.Serializer[Any]):
    """Shows what is known about the address of a device, where WHOIS is on in its organization."""

    whois_info = serializers.SerializerMethodField(
        help_text="What is known about `last_ip`; only where WHOIS is on in the organization."
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not WHOISService.is_configured():
            self.fields.pop("whois_info", None)

    @extend_schema_field(WhoisInfoSerializer(allow_null=True))
    def get_whois_info(self, device: Device) -> Any:
        record = WHOISService(device).get_device_whois_info()
        return WhoisInfoSerializer(record).data if record is not None else None

    def to_representation(self, instance: Device) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        if "whois_info" in shown and not WHOISService(instance).is_enabled:
            del shown["whois_info"]
        return shown


class ShowsBriefWhois(serializers.Serializer[Any]):
    """Shows provider and country of devices that ``with_brief_whois`` read."""

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        if getattr(instance, "whois_is_enabled", False):
            brief = {"isp": instance.whois_isp, "country": instance.whois_country or ""}
            shown["whois_info"] = brief if instance.whois_isp is not None else None
        return shown


def with_brief_whois(devices: QuerySet[Device]) -> QuerySet[Device]:
    """Return devices that know provider and country of their addresses, read by the same statement."""
    if not WHOISService.is_configured():
        return devices
    records = WHOISInfo.objects.filter(pk=OuterRef("last_ip"))
    return devices.annotate(
        whois_is_enabled=F("organization__config_settings__whois_enabled"),
        whois_isp=Subquery(records.values("isp")),
        whois_country=Subquery(records.annotate(country=KT("address__country")).values("country")),
    )
