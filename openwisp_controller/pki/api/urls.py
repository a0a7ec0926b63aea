"""Addresses of the REST interface, below ``/api/v1/``, for the app itself and for packages with views of their own."""

from __future__ import annotations

from typing import Any

from ...common.rest.urls import rest_urls
from . import views

app_name = "pki_api"
#: Address, name, view.
_ADDRESSES = [
    ("controller/ca/", "ca_list", views.CaListCreateView),
    ("controller/ca/<int:pk>/", "ca_detail", views.CaDetailView),
    ("controller/ca/<int:pk>/renew/", "ca_renew", views.CaRenewView),
    ("controller/ca/<int:pk>/crl", "crl_download", views.CrlDownloadView),
    ("controller/cert/", "cert_list", views.CertListCreateView),
    ("controller/cert/<int:pk>/", "cert_detail", views.CertDetailView),
    ("controller/cert/<int:pk>/revoke/", "cert_revoke", views.CertRevokeView),
    ("controller/cert/<int:pk>/renew/", "cert_renew", views.CertRenewView),
]


def get_api_urls(api_views: Any = views) -> list[Any]:
    """Return the addresses, named as in the documentation; they belong into the namespace ``pki_api``.

    Args:
        api_views: module in which a function named like an address, or a class named like a view of ours, goes
            before our view.
    """
    return rest_urls(_ADDRESSES, api_views)


urlpatterns = get_api_urls()
