"""Addresses of the REST interface, below ``/api/v1/``, for the app itself and for packages with views of their own."""

from __future__ import annotations

from typing import Any

from ...common.rest.urls import rest_urls
from . import bulk, impacts, insights, organizations, revisions, views

app_name = "config_api"
#: Address, name, view.
_ADDRESSES = [
    ("controller/device/", "device_list", views.DeviceListCreateView),
    ("controller/device/bulk/", "device_bulk", bulk.DeviceBulk),
    ("controller/device/preview/", "device_new_preview", insights.NewDevicePreview),
    ("controller/device/<uuid:pk>/", "device_detail", views.DeviceDetailView),
    ("controller/device/<uuid:pk>/activate/", "device_activate", views.DeviceActivateView),
    ("controller/device/<uuid:pk>/deactivate/", "device_deactivate", views.DeviceDeactivateView),
    ("controller/device/<uuid:pk>/configuration/", "download_device_config", views.DownloadDeviceView),
    ("controller/device/<uuid:pk>/hold/", "device_hold", revisions.DeviceHold),
    ("controller/device/<uuid:pk>/preview/", "device_preview", insights.DevicePreview),
    ("controller/device/<uuid:pk>/release/", "device_release", revisions.DeviceRelease),
    ("controller/device/<uuid:pk>/revision/", "revision_list", revisions.DeviceRevisionList),
    ("controller/device/<uuid:pk>/revision/<int:revision_id>/", "revision_detail", revisions.DeviceRevisionDetail),
    (
        "controller/device/<uuid:pk>/revision/<int:revision_id>/archive/",
        "revision_archive",
        revisions.DeviceRevisionArchive,
    ),
    ("controller/device/<uuid:pk>/revision/<int:revision_id>/diff/", "revision_diff", revisions.DeviceRevisionDiff),
    (
        "controller/device/<uuid:pk>/revision/<int:revision_id>/roll-back/",
        "revision_roll_back",
        revisions.DeviceRollBack,
    ),
    ("controller/device/<uuid:pk>/variables/", "device_variables", insights.DeviceVariables),
    ("controller/organization/<uuid:pk>/limits/", "organization_limits", organizations.OrganizationLimitsView),
    ("controller/group/<uuid:pk>/preview/", "devicegroup_preview", impacts.GroupPreview),
    ("controller/preview/<uuid:pk>/", "preview_progress", impacts.ImpactProgress),
    ("controller/template/<uuid:pk>/preview/", "template_preview", impacts.TemplatePreview),
    ("controller/vpn/<uuid:pk>/preview/", "vpn_preview", impacts.VpnPreview),
    (
        "controller/organization/<uuid:pk>/settings/preview/",
        "organization_settings_preview",
        impacts.OrganizationSettingsPreview,
    ),
    ("controller/organization/<uuid:pk>/settings/", "organization_settings", organizations.OrganizationSettingsView),
    ("controller/group/", "devicegroup_list", views.DeviceGroupListCreateView),
    ("controller/group/<uuid:pk>/", "devicegroup_detail", views.DeviceGroupDetailView),
    ("controller/cert/<str:common_name>/group/", "devicegroup_x509_commonname", views.DeviceGroupCommonName),
    ("controller/template/", "template_list", views.TemplateListCreateView),
    ("controller/template/<uuid:pk>/", "template_detail", views.TemplateDetailView),
    ("controller/template/<uuid:pk>/configuration/", "download_template_config", views.DownloadTemplateView),
    ("controller/vpn/", "vpn_list", views.VpnListCreateView),
    ("controller/vpn/<uuid:pk>/", "vpn_detail", views.VpnDetailView),
    ("controller/vpn/<uuid:pk>/configuration/", "download_vpn_config", views.DownloadVpnView),
]


def get_api_urls(api_views: Any = views) -> list[Any]:
    """Return the addresses, named as in the documentation; they belong into the namespace ``config_api``.

    Args:
        api_views: module in which a function named like an address, or a class named like a view of ours, goes
            before our view.
    """
    return rest_urls(_ADDRESSES, api_views)


urlpatterns = get_api_urls()
