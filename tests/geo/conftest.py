"""What tests of locations have in common."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from openwisp_users.models import Organization

from openwisp_controller.config.models import Device
from openwisp_controller.geo.models import Location

from .. import factories as make
from ..rest.client import BASE, Rest


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def building(organization: Organization) -> Location:
    return make.location(organization, "Bld", type="indoor")


@pytest.fixture
def device(organization: Organization) -> Device:
    return make.device(organization)


class Forms(Rest):
    """A client that can also send forms with files."""

    def form(self, method: str, path: str, **fields: Any) -> Any:
        """Send a form; ``__`` in names of fields stands for a dot."""
        data = {name.replace("__", "."): value for name, value in fields.items()}
        return self.client.generic(method, BASE + path, encode_multipart(BOUNDARY, data), MULTIPART_CONTENT)


@pytest.fixture
def rest(administrator: Client) -> Forms:
    """The interface, for an administrator of the organization."""
    return Forms(administrator)


@pytest.fixture
def foreign(stranger: Client) -> Forms:
    """The interface, for an administrator of another organization."""
    return Forms(stranger)
