"""The REST views of notifications, where reading the head of an answer is reading.

Carries every name that ``openwisp_notifications.urls.get_urls`` wants.
"""

from __future__ import annotations

from typing import Any

from openwisp_notifications.api import views
from openwisp_notifications.api.views import (
    ignore_object_notification,
    ignore_object_notification_list,
    notification_detail,
    notification_read_redirect,
    notification_setting,
    notification_setting_list,
    notifications_list,
    notifications_read_all,
    user_org_notification_setting,
)
from openwisp_users.api.permissions import IsOrganizationManager

from ..common.rest.permissions import ModelPermissions


class OrganizationNotificationSettingView(views.OrganizationNotificationSettingView):
    """Shows and edits which notifications the people of an organization get."""

    permission_classes: Any = (IsOrganizationManager, ModelPermissions)


org_notification_setting = OrganizationNotificationSettingView.as_view()

__all__ = [
    "ignore_object_notification", "ignore_object_notification_list", "notification_detail",
    "notification_read_redirect", "notification_setting", "notification_setting_list", "notifications_list",
    "notifications_read_all", "org_notification_setting", "user_org_notification_setting",
]  # fmt: skip
