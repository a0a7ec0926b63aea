"""Addresses of the REST interface, below ``/api/v1/``."""

from django.urls import path

from . import views

app_name = "connection_api"
urlpatterns = [
    path("controller/credential/", views.CredentialsList.as_view(), name="credential_list"),
    path("controller/credential/<uuid:pk>/", views.CredentialsDetail.as_view(), name="credential_detail"),
    path(
        "controller/device/<uuid:device_id>/connection/",
        views.DeviceConnectionList.as_view(),
        name="deviceconnection_list",
    ),
    path(
        "controller/device/<uuid:device_id>/connection/<uuid:pk>/",
        views.DeviceConnectionDetail.as_view(),
        name="deviceconnection_detail",
    ),
    path("controller/device/<uuid:device_id>/command/", views.CommandList.as_view(), name="device_command_list"),
    path(
        "controller/device/<uuid:device_id>/command/<uuid:pk>/",
        views.CommandDetail.as_view(),
        name="device_command_details",
    ),
    path("controller/batch-command/", views.BatchCommandList.as_view(), name="batch_command_list"),
    path("controller/batch-command/execute/", views.BatchCommandExecute.as_view(), name="batch_command_execute"),
    path("controller/batch-command/<uuid:pk>/", views.BatchCommandDetail.as_view(), name="batch_command_detail"),
    path("controller/batch-command/<uuid:pk>/cancel/", views.BatchCommandCancel.as_view(), name="batch_command_cancel"),
]
