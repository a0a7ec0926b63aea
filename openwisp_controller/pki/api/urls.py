"""Addresses of the REST interface, below ``/api/v1/``."""

from django.urls import path

from . import views

app_name = "pki_api"
urlpatterns = [
    path("controller/ca/", views.CaListCreateView.as_view(), name="ca_list"),
    path("controller/ca/<int:pk>/", views.CaDetailView.as_view(), name="ca_detail"),
    path("controller/ca/<int:pk>/renew/", views.CaRenewView.as_view(), name="ca_renew"),
    path("controller/ca/<int:pk>/crl", views.CrlDownloadView.as_view(), name="crl_download"),
    path("controller/cert/", views.CertListCreateView.as_view(), name="cert_list"),
    path("controller/cert/<int:pk>/", views.CertDetailView.as_view(), name="cert_detail"),
    path("controller/cert/<int:pk>/revoke/", views.CertRevokeView.as_view(), name="cert_revoke"),
    path("controller/cert/<int:pk>/renew/", views.CertRenewView.as_view(), name="cert_renew"),
]
