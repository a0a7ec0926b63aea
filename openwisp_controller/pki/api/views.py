"""Views of certification authorities and certificates."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as ModelError
from django.db import transaction
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from ...common.rest.serializers import refused
from ...common.rest.versions import version
from ...common.rest.views import Creating, Editing, OfOrganizations
from ..models import Ca, Cert
from . import serializers


class BeingMade(APIException):
    """The key is still being made in the background."""

    status_code = 503
    default_detail = "The key of this CA is still being made, please try again in a moment."
    wait = 30
    """Seconds, sent as ``Retry-After``."""


class CaListCreateView(OfOrganizations, Creating):
    """Lists certification authorities; creates or imports them."""

    queryset = Ca.objects.order_by("-created")
    serializer_class = serializers.CaListSerializer


class CaDetailView(OfOrganizations, Editing):
    """Shows, edits and deletes a certification authority, and with it what it signed."""

    queryset = Ca.objects.order_by("-created")
    serializer_class = serializers.CaDetailSerializer


class _Action(OfOrganizations):
    """Something that is done to one object by POST without a body; answers with the object."""

    post_permission = "change"

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        instance = self.get_object()
        try:
            with transaction.atomic(), version(request):
                self.act(instance)
        except ModelError as error:
            raise refused(error) from None
        instance.refresh_from_db()
        return Response(self.get_serializer(instance).data)

    def act(self, instance: Any) -> None:
        raise NotImplementedError


class CaRenewView(_Action):
    """Gives a certification authority a new key; the certificates that it signed follow."""

    queryset = Ca.objects.all()
    serializer_class = serializers.CaDetailSerializer

    def act(self, instance: Ca) -> None:
        instance.renew()


class CrlDownloadView(OfOrganizations):
    """Downloads the certificate revocation list of a certification authority, PEM."""

    queryset = Ca.objects.all()
    serializer_class: Any = None

    @extend_schema(responses={(200, "application/x-pem-file"): OpenApiTypes.STR})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        ca = self.get_object()
        if not ca.certificate:
            raise BeingMade
        disposition = f'attachment; filename="{ca.pk}.crl"'
        return HttpResponse(ca.crl, content_type="application/x-pem-file", headers={"Content-Disposition": disposition})


class CertListCreateView(OfOrganizations, Creating):
    """Lists certificates; creates or imports them."""

    queryset = Cert.objects.order_by("-created")
    serializer_class = serializers.CertListSerializer


class CertDetailView(OfOrganizations, Editing):
    """Shows, edits and deletes a certificate."""

    queryset = Cert.objects.order_by("-created")
    serializer_class = serializers.CertDetailSerializer


class CertRevokeView(_Action):
    """Puts a certificate on the revocation list."""

    queryset = Cert.objects.select_related("ca")
    serializer_class = serializers.CertDetailSerializer

    def act(self, instance: Cert) -> None:
        instance.revoke()


class CertRenewView(_Action):
    """Gives a certificate a new key and serial number; the replaced one goes on the revocation list."""

    queryset = Cert.objects.select_related("ca")
    serializer_class = serializers.CertDetailSerializer

    def act(self, instance: Cert) -> None:
        instance.renew()
