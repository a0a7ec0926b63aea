"""The REST views of organizations: a new one has settings, so its devices can enrol.

Carries the names that ``openwisp_users.api.urls.get_api_urls`` looks for; the others are the library's.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from openwisp_users.api import views

from ..config.models import OrganizationConfigSettings


class OrganizationListCreateView(views.OrganizationListCreateView):
    """Lists organizations and creates them, with settings and a shared secret of their own."""

    def perform_create(self, serializer: Any) -> None:
        with transaction.atomic():
            super().perform_create(serializer)
            OrganizationConfigSettings.objects.get_or_create(organization=serializer.instance)


organization_list = OrganizationListCreateView.as_view()
