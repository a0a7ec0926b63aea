"""What the first page of the administration counts of certificates."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..common.attention import Concern, concerns
from .models import Cert

SOON = timedelta(days=30)


def expires_soon() -> Q:
    """Return the condition that a certificate is in force and ends within 30 days, or has ended."""
    return Q(revoked=False, validity_end__lt=timezone.now() + SOON)


def register() -> None:
    """Register what is counted."""
    concerns.register(
        "certificates",
        Concern(
            _("certificates that expire within 30 days, or have expired"),
            "waiting",
            lambda: Cert.objects.order_by().filter(expires_soon()),
            lambda: {"expires": "soon"},
        ),
    )
