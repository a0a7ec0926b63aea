"""The REST views of organizations, people and groups of permissions.

A new organization has settings, so its devices can enrol. Whoever may change something may see it, also by HEAD.
Carries the names that ``openwisp_users.api.urls.get_api_urls`` looks for; the others are the library's.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from openwisp_users.api import serializers, views
from openwisp_users.api.throttling import AuthRateThrottle
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

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

    serializer_class = users_serializers.OrganizationDetailSerializer


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

    serializer_class = users_serializers.EmailAddressSerializer


class EmailUpdateView(_Protected, views.EmailUpdateView):
    """Shows, edits and deletes an e-mail address of a person."""

    serializer_class = users_serializers.EmailAddressSerializer


class GroupListCreateView(_Protected, views.GroupListCreateView):
    """Lists groups of permissions and creates them."""

    serializer_class = users_serializers.GroupSerializer


class GroupDetailView(_Protected, views.GroupDetailView):
    """Shows, edits and deletes a group of permissions."""

    serializer_class = users_serializers.GroupSerializer


class FailuresThrottle(AuthRateThrottle):
    """Limits failed tries. Each counts when it begins, so none slips through beside others; one that succeeds is free.

    All that guesses passwords or codes shares one count, as in the library.
    """

    def forgive(self) -> None:
        """Take back the try of this request."""
        if self.rate is None:
            return
        history = self.cache.get(self.key, [])
        if self.now in history:
            history.remove(self.now)
            self.cache.set(self.key, history, self.duration)


class _FailuresLimited:
    throttle_classes: Any = (FailuresThrottle,)

    def get_throttles(self) -> list[Any]:
        self._throttles: list[Any] = super().get_throttles()  # type: ignore[misc]
        return self._throttles

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        if response.status_code < 400:
            for throttle in self._throttles:
                throttle.forgive()
        return super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]


class ObtainAuthTokenView(_FailuresLimited, views.ObtainAuthTokenView):
    """Returns the token of a person for a name and a password."""


class PasswordResetConfirmView(_FailuresLimited, views.PasswordResetConfirmView):
    """Sets a new password, with what the e-mail about it told."""

    serializer_class = users_serializers.PasswordResetConfirmSerializer


class PasswordChangeView(_FailuresLimited, views.PasswordChangeView):
    """Changes one's own password."""


organization_list = OrganizationListCreateView.as_view()
organization_detail = OrganizationDetailView.as_view()
user_list = UsersListCreateView.as_view()
user_detail = UserDetailView.as_view()
change_password = ChangePasswordView.as_view()
email_list = EmailListCreateView.as_view()
email_update = EmailUpdateView.as_view()
obtain_auth_token = ObtainAuthTokenView.as_view()
password_reset_confirm = PasswordResetConfirmView.as_view()
password_change = PasswordChangeView.as_view()
group_list = GroupListCreateView.as_view()
group_detail = GroupDetailView.as_view()
