"""What the tests of estimated locations share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openwisp_notifications.types import unregister_notification_type

from openwisp_controller.geo.estimated_location import notifications

from .. import factories as make
from ..geolite import Geolite
from ..whois.helpers import enable


@pytest.fixture
def estimating(geolite: Geolite, organization: Any) -> Iterator[Geolite]:
    """The service; WHOIS and estimated locations are on in the organization, as if the server had started so."""
    notifications.register()
    enable(organization)
    switch(organization, True)
    yield geolite
    unregister_notification_type(notifications.TYPE)


@pytest.fixture
def people(estimating: Geolite, organization: Any, other: Any, committing: Any) -> None:
    """A superuser, a manager of the organization, and one of another."""
    with committing():
        make.superuser()
        make.person("administrator", organization, "Administrator")
        make.person("stranger", other, "Administrator")


def switch(organization: Any, on: bool | None) -> None:
    row = organization.geo_settings
    row.refresh_from_db()
    row.estimated_location_enabled = on
    row.full_clean()
    row.save()
