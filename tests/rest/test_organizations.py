"""Settings and limits of organizations."""

from __future__ import annotations

from typing import Any

import pytest
from openwisp_users.models import Organization

from openwisp_controller.config import maintenance
from openwisp_controller.config.models import Config, OrganizationConfigSettings

from .. import factories as make
from .client import NOT_THERE, Rest, done, wrong

pytestmark = pytest.mark.django_db


def test_settings(administrator: Any, operator: Any, organization: Organization) -> None:
    path = f"/organization/{organization.pk}/settings/"
    config = make.config(organization, config={"general": {"description": "{{ text }}"}})
    answer = done(Rest(administrator).get(path))
    assert answer == {
        "organization": str(organization.pk), "registration_enabled": True, "shared_secret": make.SECRET, "context": {},
    }  # fmt: skip
    assert done(Rest(operator).get(path))["shared_secret"] == "********"
    assert Rest(operator).patch(path, {"registration_enabled": False}).status_code == 403
    sent = {"context": {"text": "hello"}, "shared_secret": "********"}
    assert done(Rest(administrator).patch(path, sent))["shared_secret"] == make.SECRET
    maintenance.compile_stale()
    released = Config.objects.get(pk=config.pk).released
    assert released is not None
    assert any("hello" in file.contents for file in released.files())
    assert wrong(Rest(administrator).patch(path, {"context": [1]})) == {
        "context": ["the supplied value is not a JSON object"]
    }
    assert wrong(Rest(administrator).patch(path, {"shared_secret": "a b"})).keys() == {"shared_secret"}


def test_settings_are_made_with_the_first_write(root: Any) -> None:
    organization = Organization.objects.create(name="new", slug="new")
    path = f"/organization/{organization.pk}/settings/"
    answer = done(Rest(root).get(path))
    assert (answer["registration_enabled"], answer["shared_secret"], answer["context"]) == (False, "", {})
    assert not OrganizationConfigSettings.objects.filter(organization=organization).exists()
    answer = done(Rest(root).patch(path, {"context": {"a": "1"}}))
    assert answer["registration_enabled"] is True
    assert len(answer["shared_secret"]) == 32


def test_limits(root: Any, administrator: Any, organization: Organization) -> None:
    path = f"/organization/{organization.pk}/limits/"
    for _ in range(2):
        make.device(organization)
    shown = {"organization": str(organization.pk), "device_limit": 0, "devices": 2}
    assert done(Rest(administrator).get(path)) == shown
    assert Rest(administrator).patch(path, {"device_limit": 5}).status_code == 403
    assert done(Rest(root).put(path, {"device_limit": 5}))["device_limit"] == 5
    assert "lower than the amount" in wrong(Rest(root).patch(path, {"device_limit": 1}))["device_limit"][0]
    assert wrong(Rest(root).patch(path, {"device_limit": -1})).keys() == {"device_limit"}
    assert done(Rest(root).patch(path, {"device_limit": None}))["device_limit"] is None


def test_other_organizations_are_not_there(stranger: Any, organization: Organization) -> None:
    for kind in ("settings", "limits"):
        answer = Rest(stranger).get(f"/organization/{organization.pk}/{kind}/")
        assert (answer.status_code, answer.json()) == (404, NOT_THERE)
