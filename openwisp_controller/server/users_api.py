"""The REST views of organizations, people and groups of permissions.

A new organization has settings, so its devices can enrol. Whoever may change something may see it, also by HEAD.
Carries the names that ``openwisp_users.api.urls.get_api_urls`` looks for; the others are the library's.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from openwisp_users.api import serializers, views
from rest_framework.permissions import IsAuthenticated

from ..common.rest.permissions import ModelPermissions
from ..config.models import OrganizationConfigSettings
from . import users_serializers


class _Protected:
    """For who is logged in and has the permission on the model; who manages nothing sees nothing."""

    permission_classes: Any = (IsAuthenticated, ModelPermissions)


class OrganizationListCreateView(_Protected, views.OrganizationListCreateView):
    """Lists organizations and creates them, with settings and a shared secret of their own."""

    serializer_class = users_serializers.OrganizationSerializer

    def perform_create(self, serializer: Any) -> None:
        with transaction.atomic():
            super().perform_create(serializer)
            OrganizationConfigSettings.objects.get_or_create(organization=serializer.instance)


class OrganizationDetailView(_Protected, views.OrganizationDetailView):
    """Shows, edits and deletes an organization."""


class UsersListCreateView(_Protected, views.UsersListCreateView):
    """Lists people and creates them."""

    def get_serializer_class(self) -> Any:
        is_superuser = self.request.user.is_superuser
        return users_serializers.SuperUserListSerializer if is_superuser else users_serializers.UserListSerializer


class UserDetailView(_Protected, views.UserDetailView):
    """Shows, edits and deletes a person."""

    def get_serializer_class(self) -> Any:
        is_superuser = self.request.user.is_superuser
        return users_serializers.SuperUserDetailSerializer if is_superuser else serializers.UserDetailSerializer


class ChangePasswordView(views.ChangePasswordView):
    """Changes the password of a person."""

    serializer_class = users_serializers.ChangePasswordSerializer


class EmailListCreateView(_Protected, views.EmailListCreateView):
    """Lists the e-mail addresses of a person and adds one."""


class EmailUpdateView(_Protected, views.EmailUpdateView):
    """Shows, edits and deletes an e-mail address of a person."""


class GroupSerializer(serializers.GroupSerializer):
    """A group may have no permissions."""

    def create(self, validated_data: dict[str, Any]) -> Any:
        return super().create({"permissions": [], **validated_data})


class GroupListCreateView(_Protected, views.GroupListCreateView):
    """Lists groups of permissions and creates them."""

    serializer_class = GroupSerializer


class GroupDetailView(_Protected, views.GroupDetailView):
    """Shows, edits and deletes a group of permissions."""


organization_list = OrganizationListCreateView.as_view()
organization_detail = OrganizationDetailView.as_view()
user_list = UsersListCreateView.as_view()
user_detail = UserDetailView.as_view()
change_password = ChangePasswordView.as_view()
email_list = EmailListCreateView.as_view()
email_update = EmailUpdateView.as_view()
group_list = GroupListCreateView.as_view()
group_detail = GroupDetailView.as_view()
