"""Addresses of the REST interface, below ``/api/v1/``."""

from django.urls import path

from . import bulk, impacts, insights, organizations, revisions, views

app_name = "config_api"
urlpatterns = [
    path("controller/device/", views.DeviceListCreateView.as_view(), name="device_list"),
    path("controller/device/bulk/", bulk.DeviceBulk.as_view(), name="device_bulk"),
    path("controller/device/preview/", insights.NewDevicePreview.as_view(), name="device_new_preview"),
    path("controller/device/<uuid:pk>/", views.DeviceDetailView.as_view(), name="device_detail"),
    path("controller/device/<uuid:pk>/activate/", views.DeviceActivateView.as_view(), name="device_activate"),
    path("controller/device/<uuid:pk>/deactivate/", views.DeviceDeactivateView.as_view(), name="device_deactivate"),
    path(
        "controller/device/<uuid:pk>/configuration/", views.DownloadDeviceView.as_view(), name="download_device_config"
    ),
    path("controller/device/<uuid:pk>/hold/", revisions.DeviceHold.as_view(), name="device_hold"),
    path("controller/device/<uuid:pk>/preview/", insights.DevicePreview.as_view(), name="device_preview"),
    path("controller/device/<uuid:pk>/release/", revisions.DeviceRelease.as_view(), name="device_release"),
    path("controller/device/<uuid:pk>/revision/", revisions.DeviceRevisionList.as_view(), name="revision_list"),
    path(
        "controller/device/<uuid:pk>/revision/<int:revision_id>/",
        revisions.DeviceRevisionDetail.as_view(),
        name="revision_detail",
    ),
    path(
        "controller/device/<uuid:pk>/revision/<int:revision_id>/archive/",
        revisions.DeviceRevisionArchive.as_view(),
        name="revision_archive",
    ),
    path(
        "controller/device/<uuid:pk>/revision/<int:revision_id>/diff/",
        revisions.DeviceRevisionDiff.as_view(),
        name="revision_diff",
    ),
    path(
        "controller/device/<uuid:pk>/revision/<int:revision_id>/roll-back/",
        revisions.DeviceRollBack.as_view(),
        name="revision_roll_back",
    ),
    path("controller/device/<uuid:pk>/variables/", insights.DeviceVariables.as_view(), name="device_variables"),
    path(
        "controller/organization/<uuid:pk>/limits/",
        organizations.OrganizationLimitsView.as_view(),
        name="organization_limits",
    ),
    path("controller/group/<uuid:pk>/preview/", impacts.GroupPreview.as_view(), name="devicegroup_preview"),
    path("controller/preview/<uuid:pk>/", impacts.ImpactProgress.as_view(), name="preview_progress"),
    path("controller/template/<uuid:pk>/preview/", impacts.TemplatePreview.as_view(), name="template_preview"),
    path("controller/vpn/<uuid:pk>/preview/", impacts.VpnPreview.as_view(), name="vpn_preview"),
    path(
        "controller/organization/<uuid:pk>/settings/preview/",
        impacts.OrganizationSettingsPreview.as_view(),
        name="organization_settings_preview",
    ),
    path(
        "controller/organization/<uuid:pk>/settings/",
        organizations.OrganizationSettingsView.as_view(),
        name="organization_settings",
    ),
    path("controller/group/", views.DeviceGroupListCreateView.as_view(), name="devicegroup_list"),
    path("controller/group/<uuid:pk>/", views.DeviceGroupDetailView.as_view(), name="devicegroup_detail"),
    path(
        "controller/cert/<str:common_name>/group/",
        views.DeviceGroupCommonName.as_view(),
        name="devicegroup_x509_commonname",
    ),
    path("controller/template/", views.TemplateListCreateView.as_view(), name="template_list"),
    path("controller/template/<uuid:pk>/", views.TemplateDetailView.as_view(), name="template_detail"),
    path(
        "controller/template/<uuid:pk>/configuration/",
        views.DownloadTemplateView.as_view(),
        name="download_template_config",
    ),
    path("controller/vpn/", views.VpnListCreateView.as_view(), name="vpn_list"),
    path("controller/vpn/<uuid:pk>/", views.VpnDetailView.as_view(), name="vpn_detail"),
    path("controller/vpn/<uuid:pk>/configuration/", views.DownloadVpnView.as_view(), name="download_vpn_config"),
]
