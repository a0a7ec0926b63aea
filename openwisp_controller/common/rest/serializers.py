"""What serializers of all apps have in common."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, ClassVar

from django.core.exceptions import ValidationError as ModelError
from django.utils.translation import get_language
from openwisp_users.api.mixins import FilterSerializerByOrgManaged
from rest_framework import serializers

from ..masking import MASK
from ..tenancy import is_made_from, owner_of
from .permissions import may_see_secrets


def refused(error: ModelError, field: str | None = None) -> serializers.ValidationError:
    """Return Django's error as one of the interface.

    Args:
        error: by field or not.
        field: under which it stands where it has none of its own; None = ``__all__``.
    """
    if hasattr(error, "error_dict"):
        return serializers.ValidationError(error.message_dict)
    return serializers.ValidationError({field or "__all__": error.messages})


class FieldsFoundOnce(serializers.ModelSerializer):
    """Finds out once, and not on every request, which fields it has: a fifth of what showing one object costs.

    One whose class says for itself how they are found out is asked every time.
    """

    _found: ClassVar[dict[Any, dict[str, tuple[serializers.Field, bool]]]] = {}

    def get_fields(self) -> dict[str, serializers.Field]:
        cls = type(self)
        if any(getattr(cls, hook) is not getattr(serializers.ModelSerializer, hook) for hook in _HOOKS):
            return super().get_fields()
        # some messages are put into words at once, and packages add choices
        key = (cls, get_language(), *(str(field.choices) for field in self.Meta.model._meta.fields if field.choices))
        found = self._found.get(key)
        if found is None:
            fields = super().get_fields()
            found = self._found[key] = {name: (field, _has_no_parts(field)) for name, field in fields.items()}
        return {name: _copied(field) if plain else _made_again(field) for name, (field, plain) in found.items()}


_HOOKS = [name for name in vars(serializers.ModelSerializer) if name.startswith(("build_", "get_", "include_"))]
_HOOKS.remove("get_fields")


def _has_no_parts(field: serializers.Field) -> bool:
    """Tell whether a field stands for itself: parts, such as the fields of a serializer, belong to one whole."""
    if isinstance(field, serializers.BaseSerializer):
        return False
    return not any(isinstance(part, serializers.Field) for part in (*vars(field).values(), *field._kwargs.values()))


def _copied(field: serializers.Field) -> serializers.Field:
    """Return a field like one without parts that belongs to no serializer yet."""
    again: serializers.Field = object.__new__(type(field))
    again.__dict__.update(field.__dict__)
    again.error_messages = dict(field.error_messages)
    if "_validators" in again.__dict__:
        again._validators = list(field._validators)
    return again


def _made_again(field: serializers.Field) -> serializers.Field:
    """Return a field like one with parts that belongs to no serializer yet."""
    if any(isinstance(option, serializers.Field) for option in field._kwargs.values()):
        return deepcopy(field)  # the field in it is to belong to the new one
    again: serializers.Field = type(field)(*field._args, **field._kwargs)
    return again


class ValidatedSerializer(FilterSerializerByOrgManaged, FieldsFoundOnce):
    """Checks with the model itself, and stores what the model made of the values.

    Relations lead to objects of the organizations that a person manages, and, named in ``shared_relations``, to
    shared ones. What an object has already it may keep.
    """

    shared_relations: ClassVar[tuple[str, ...]] = ()

    def filter_fields(self) -> None:
        """Limit what relations lead to; who is no superuser must say whose an object is to be."""
        user = self.context["request"].user
        if user.is_superuser or user.is_anonymous:
            return
        managed = user.organizations_managed
        for name, field in self.fields.items():
            relation = getattr(field, "child_relation", field)
            objects = getattr(relation, "queryset", None)
            if objects is None:
                continue
            if name == "organization":
                field.allow_null, field.required = False, True
                relation.queryset = objects.filter(pk__in=managed)
                continue
            owner = owner_of(objects.model)
            if owner is None:
                continue
            own = objects.filter(**{f"{owner}__in": managed})
            shared = (self.include_shared or name in self.shared_relations) and not is_made_from(self.Meta.model, name)
            present = objects.filter(pk=getattr(self.instance, f"{name}_id", None))
            relation.queryset = own | present | objects.filter(**{owner: None}) if shared else own | present

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        data = super().validate(data)
        instance = self.instance or self.Meta.model(**self.fixed_values())
        for name, value in self.model_values(data).items():
            setattr(instance, name, value)
        try:
            self.check(instance)
        except ModelError as error:
            raise refused(error) from None
        self.checked = instance
        return data

    def model_values(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return what of the data is set as attributes of the instance."""
        return data

    def check(self, instance: Any) -> None:
        """Check an instance as it would be stored; raise Django's ``ValidationError``."""
        instance.full_clean()

    def fixed_values(self) -> dict[str, Any]:
        """Return what the address already says about a new object."""
        return {}

    def create(self, validated_data: dict[str, Any]) -> Any:
        return self._stored(validated_data)

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        return self._stored(validated_data)

    def store(self, instance: Any, data: dict[str, Any]) -> None:
        """Store a checked instance with what belongs to it; raise Django's ``ValidationError`` to leave nothing."""
        instance.save()

    def _stored(self, data: dict[str, Any]) -> Any:
        try:
            self.store(self.checked, data)
        except ModelError as error:
            raise refused(error) from None
        return self.checked

    def recheck(self) -> None:
        """Say what is wrong now, after the database refused what was checked before: somebody else was faster."""
        try:
            self.check(self.checked)
        except ModelError as error:
            raise refused(error) from None


class MaskedSecrets(FieldsFoundOnce):
    """Shows the fields named in ``secrets`` to those who may change the object, on its own page, and to nobody else.

    Everybody else gets a mask in their place; a mask that is sent stands for what is stored.
    """

    secrets: ClassVar[tuple[str, ...]] = ()

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and any(data.get(name) == MASK for name in self.secrets):
            data = {name: value for name, value in data.items() if not (name in self.secrets and value == MASK)}
        return super().to_internal_value(data)

    def to_representation(self, instance: Any) -> Any:
        shown = super().to_representation(instance)
        if not self._shows_secrets(instance):
            for name in self.secrets:
                if shown.get(name):
                    shown[name] = MASK
        return shown

    def _shows_secrets(self, instance: Any) -> bool:
        if getattr(self.parent, "many", False):
            return False
        request = self.context.get("request")
        return request is not None and may_see_secrets(request.user, instance)
