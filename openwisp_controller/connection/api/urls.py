"""Addresses of the REST interface, below ``/api/v1/``, for the app itself and for packages with views of their own."""

from __future__ import annotations

from typing import Any

from ...common.rest.urls import rest_urls
from . import views

app_name = "connection_api"
#: Address, name, view.
_ADDRESSES = [
    ("controller/credential/", "credential_list", views.CredentialsList),
    ("controller/credential/<uuid:pk>/", "credential_detail", views.CredentialsDetail),
    ("controller/device/<uuid:device_id>/connection/", "deviceconnection_list", views.DeviceConnectionList),
    (
        "controller/device/<uuid:device_id>/connection/<uuid:pk>/",
        "deviceconnection_detail",
        views.DeviceConnectionDetail,
    ),
    ("controller/device/<uuid:device_id>/command/", "device_command_list", views.CommandList),
    ("controller/device/<uuid:device_id>/command/<uuid:pk>/", "device_command_details", views.CommandDetail),
    ("controller/batch-command/", "batch_command_list", views.BatchCommandList),
    ("controller/batch-command/execute/", "batch_command_execute", views.BatchCommandExecute),
    ("controller/batch-command/<uuid:pk>/", "batch_command_detail", views.BatchCommandDetail),
    ("controller/batch-command/<uuid:pk>/cancel/", "batch_command_cancel", views.BatchCommandCancel),
]


def get_api_urls(api_views: Any = views) -> list[Any]:
    """Return the addresses, named as in the documentation; they belong into the namespace ``connection_api``.

    Args:
        api_views: module in which a function named like an address, or a class named like a view of ours, goes
            before our view.
    """
    return rest_urls(_ADDRESSES, api_views)


urlpatterns = get_api_urls()
