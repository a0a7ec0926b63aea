"""Serializers of organizations and people, where the library's lose, tell or accept too much."""

from __future__ import annotations

from typing import Any

from dj_rest_auth.serializers import PasswordResetConfirmSerializer as LibraryPasswordResetConfirmSerializer
from django.contrib.auth.models import Permission
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


class OrganizationDetailSerializer(library.OrganizationDetailSerializer):
    """The owner of an organization is one of its own people; null, as it is read, stands for none."""

    owner = library.OrganizationOwnerSerializer(required=False, allow_null=True)

    def validate_owner(self, value: dict[str, Any] | None) -> dict[str, Any]:
        if value is None:
            return {"organization_user": None}
        if "organization_user" not in value:
            raise serializers.ValidationError({"organization_user": [_("This field is required.")]})
        membership = value["organization_user"]
        if membership is not None and membership.organization_id != self.instance.pk:
            text = _("The owner has to be a member of this organization: name one of its organization users.")
            raise serializers.ValidationError({"organization_user": [text]})
        return value


class EmailAddressSerializer(library.EmailAddressSerializer):
    """An e-mail address of a person, who has one primary address: another one that is made primary takes its place."""

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        self.becomes_primary = data.get("primary", False) and not (self.instance and self.instance.primary)
        checked = super().validate({**data, "primary": False} if self.becomes_primary else data)
        return {name: value for name, value in checked.items() if name != "primary" or not self.becomes_primary}

    def save(self, **options: Any) -> Any:
        with transaction.atomic():
            address = super().save(**options)
            if self.becomes_primary:
                address.set_as_primary()
        return address


class PermissionField(serializers.PrimaryKeyRelatedField):
    """A permission by its number, or by the text that is shown of it: the number, a colon and the name."""

    def to_representation(self, value: Any) -> str:
        return f"{value.pk}: {value.natural_key()[2]} | {value.name}"

    def to_internal_value(self, data: Any) -> Any:
        number = data.partition(":")[0].strip() if isinstance(data, str) else data
        if isinstance(number, str) and number.isdecimal():
            number = int(number)
        if not isinstance(number, int):
            self.fail("incorrect_type", data_type=type(data).__name__)
        return super().to_internal_value(number)


class GroupSerializer(library.GroupSerializer):
    """A group of permissions, perhaps of none."""

    permissions = PermissionField(many=True, queryset=Permission.objects.select_related("content_type"), required=False)

    def create(self, validated_data: dict[str, Any]) -> Any:
        return super().create({"permissions": [], **validated_data})


class PasswordResetConfirmSerializer(LibraryPasswordResetConfirmSerializer):
    """What comes with a new password: who it is for, and the code from the e-mail."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            checked: dict[str, Any] = super().validate(attrs)
        except ModelError:  # the key that was decoded is none
            raise serializers.ValidationError({"uid": [_("Invalid value")]}) from None
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


class _NewPerson:
    def to_internal_value(self, data: Any) -> Any:
        """No organizations are as good as none named."""
        if isinstance(data, dict) and data.get("organization_users") == []:
            data = {name: value for name, value in data.items() if name != "organization_users"}
        return super().to_internal_value(data)  # type: ignore[misc]

    def validate_password(self, value: str) -> str:
        """Refuse what can be guessed, as the administration does."""
        return _checked(value)


class SuperUserListSerializer(_NewPerson, library.SuperUserListSerializer):
    """People, for superusers."""


class UserListSerializer(_NewPerson, library.UserListSerializer):
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
