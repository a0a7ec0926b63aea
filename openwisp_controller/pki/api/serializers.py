"""Serializers of certification authorities and certificates."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from django_x509.base.models import default_ca_validity_end, default_cert_validity_end, default_validity_start
from rest_framework import serializers
from rest_framework.fields import empty

from ...common.rest.serializers import MaskedSecrets, ValidatedSerializer
from .. import issuing
from ..models import Ca, Cert

_SUBJECT = (
    "key_length", "digest", "validity_start", "validity_end", "country_code", "state", "city", "organization_name",
    "organizational_unit_name", "email", "common_name", "extensions", "serial_number", "certificate", "private_key",
)  # fmt: skip
_STAMPS = ("created", "modified")


class _IssuedSerializer(MaskedSecrets, ValidatedSerializer):
    """Who may change an object sees its private key on its own page; lists show none."""

    secrets = ("private_key",)
    extensions = serializers.JSONField(required=False, initial=list)
    passphrase = serializers.CharField(write_only=True, required=False, allow_blank=True, max_length=64)

    def get_fields(self) -> dict[str, Any]:
        """What is signed is given once; of what exists, name, organization and notes can be edited."""
        fields: dict[str, Any] = super().get_fields()
        if self.instance is not None and not isinstance(self, serializers.ListSerializer):
            for name, field in fields.items():
                if name not in ("name", "organization", "notes"):
                    field.read_only = True
                    field.required = False
            fields.pop("passphrase", None)
        else:
            fields["common_name"].required, fields["common_name"].default = False, ""
        return fields

    def to_internal_value(self, data: Any) -> Any:
        """An imported certificate says itself whose it is, which is to be unique, and what kind of key it has."""
        values = super().to_internal_value(data)
        if values.get("certificate") and values.get("private_key"):
            values["common_name"], key_length = issuing.imported(values["certificate"])
            if key_length and "key_length" not in data:
                values["key_length"] = key_length
        return values

    def check(self, instance: Any) -> None:
        instance.signing = issuing.Signing(in_background=True)
        super().check(instance)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if self.instance is None:
            given = [name for name in ("certificate", "private_key") if data.get(name)]
            if len(given) == 1:
                text = _("When importing an existing certificate, both keys (private and public) must be present")
                raise serializers.ValidationError({"__all__": [text]})
        return super().validate(data)


class CaListSerializer(_IssuedSerializer):
    class Meta:
        model = Ca
        fields = ("id", "name", "organization", "notes", *_SUBJECT, "passphrase", *_STAMPS)
        read_only_fields = ("id", *_STAMPS)

    def get_fields(self) -> dict[str, Any]:
        """Whose a new one is must be said, though it may be nobody's."""
        fields = super().get_fields()
        if self.instance is None:
            fields["organization"].required, fields["organization"].default = True, empty
        return fields

    def fixed_values(self) -> dict[str, Any]:
        return {"validity_start": default_validity_start(), "validity_end": default_ca_validity_end()}


class CaDetailSerializer(CaListSerializer):
    pass


class CertListSerializer(_IssuedSerializer):
    shared_relations = ("ca",)

    class Meta:
        model = Cert
        fields = (
            "id", "name", "organization", "ca", "notes", "revoked", "revoked_at", *_SUBJECT, "passphrase", *_STAMPS,
        )  # fmt: skip
        read_only_fields = ("id", "revoked", "revoked_at", *_STAMPS)

    def fixed_values(self) -> dict[str, Any]:
        return {"validity_start": default_validity_start(), "validity_end": default_cert_validity_end()}


class CertDetailSerializer(CertListSerializer):
    pass
