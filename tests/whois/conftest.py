"""What the tests of WHOIS share."""

from __future__ import annotations

from typing import Any

import pytest

from ..geolite import Geolite
from ..http.conftest import application, short_path
from .helpers import enable

__all__ = ["application", "short_path"]


@pytest.fixture
def whois(geolite: Geolite, organization: Any) -> Geolite:
    """The service; WHOIS is on in the organization."""
    enable(organization)
    return geolite
