"""Serializers of organizations and people, where the library's lose, tell or accept too much."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as ModelError
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from openwisp_users.api import serializers as library
from openwisp_users.models import Organization, OrganizationUser
from rest_framework import serializers

from ..common.rest.serializers import refused


class OrganizationSerializer(library.OrganizationSerializer):
    """A slug that is taken is refused, without telling by whom."""

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if Organization.objects.filter(slug__exact=data.get("slug")).exists():
            raise serializers.ValidationError({"slug": [_("organization with this slug already exists.")]})
        checked: dict[str, Any] = super().validate(data)
        return checked


class MembershipsField(serializers.Field):
    """The organizations of a person: one object adds or changes one, a list says all of them."""

    def to_internal_value(self, data: Any) -> tuple[bool, list[dict[str, Any]]]:
        is_all = isinstance(data, list)
        items = library.OrganizationUserSerializer(data=data if is_all else [data], many=True, context=self.context)
        items.is_valid(raise_exception=True)
        return is_all, [dict(item) for item in items.validated_data if item.get("organization") is not None]

    def get_attribute(self, instance: Any) -> Any:
        return instance

    def to_representation(self, value: Any) -> list[Any]:
        """Shown by the serializer."""
        return []


class _CheckedPassword:
    def validate_password(self, value: str) -> str:
        """Refuse what can be guessed, as the administration does."""
        return _checked(value)


class SuperUserListSerializer(_CheckedPassword, library.SuperUserListSerializer):
    """People, for superusers."""


class UserListSerializer(_CheckedPassword, library.UserListSerializer):
    """People, for those who manage organizations."""


class SuperUserDetailSerializer(library.SuperUserDetailSerializer):
    """One person, for superusers. What was read can be sent back and changes nothing."""

    organization_users = MembershipsField(required=False)

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        memberships = validated_data.pop("organization_users", None)
        try:
            with transaction.atomic():
                instance = super().update(instance, validated_data)
                if memberships is not None:
                    _set_memberships(instance, *memberships)
        except ModelError as error:
            raise refused(error) from None
        return instance


def _set_memberships(user: Any, is_all: bool, given: list[dict[str, Any]]) -> None:
    present = {membership.organization_id: membership for membership in OrganizationUser.objects.filter(user=user)}
    for each in given:
        membership = present.pop(each["organization"].pk, None) or OrganizationUser(
            user=user, organization=each["organization"]
        )
        membership.is_admin = each.get("is_admin", membership.is_admin)
        membership.full_clean()
        membership.save()
    for membership in present.values() if is_all else ():
        membership.delete()


class ChangePasswordSerializer(library.ChangePasswordSerializer):
    """A new password. Who changes their own must know the old one, whoever they are."""

    def validate_current_password(self, value: str | None) -> str | None:
        user = self.context["user"]
        if user == self.context["request"].user and not user.check_password(value or ""):
            raise serializers.ValidationError(_("Your old password was entered incorrectly. Please enter it again."))
        checked: str | None = super().validate_current_password(value)
        return checked

    def validate_new_password(self, value: str) -> str:
        return _checked(super().validate_new_password(value), self.context["user"])


def _checked(password: str, user: Any = None) -> str:
    try:
        validate_password(password, user)
    except ModelError as error:
        raise serializers.ValidationError(error.messages) from None
    return password
