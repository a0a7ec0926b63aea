"""What organizations decide about their devices."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from openwisp_users.models import Organization

from openwisp_controller.config.models import Config, OrganizationConfigSettings, OrganizationLimits

from .. import factories as make
from .scenarios import fresh, save, using

pytestmark = pytest.mark.django_db
TOO_LOW = (
    "The specified limit is lower than the amount of devices currently held by this organization."
    " Please remove some devices or consider increasing the device limit."
)


def errors(instance: Any) -> dict[str, list[str]]:
    try:
        instance.full_clean()
    except ValidationError as error:
        return error.message_dict
    return {}


def test_every_organization_gets_limits_but_no_settings(db: None) -> None:
    organization = Organization.objects.create(name="new", slug="new")
    assert organization.config_limits.device_limit == 0
    assert not OrganizationConfigSettings.objects.filter(organization=organization).exists()


def test_secrets_are_random_and_unique(organization: Any) -> None:
    settings = OrganizationConfigSettings(organization=Organization.objects.create(name="new", slug="new"))
    assert len(settings.shared_secret) == 32
    assert settings.shared_secret != OrganizationConfigSettings().shared_secret
    settings.shared_secret = organization.config_settings.shared_secret
    expected = ["Configuration management settings with this Shared secret already exists."]
    assert errors(settings) == {"shared_secret": expected}


@pytest.mark.parametrize("secret", ["", "a b", "a.b", "a/b"])
def test_bad_secrets(organization: Any, secret: str) -> None:
    organization.config_settings.shared_secret = secret
    assert set(errors(organization.config_settings)) == {"shared_secret"}


@pytest.mark.parametrize(("value", "expected"), [
    ([1], {"context": ["the supplied value is not a JSON object"]}), (None, {}), ({"a": "b"}, {}),
])  # fmt: skip
def test_variables(organization: Any, value: Any, expected: dict[str, list[str]]) -> None:
    organization.config_settings.context = value
    assert errors(organization.config_settings) == expected


@pytest.mark.parametrize(("limit", "expected"), [
    (0, {}), (None, {}), (2, {}), (3, {}), (1, {"device_limit": [TOO_LOW]}),
    (-1, {"device_limit": ["Ensure this value is greater than or equal to 0."]}),
])  # fmt: skip
def test_limit_with_two_devices(organization: Any, limit: int | None, expected: dict[str, list[str]]) -> None:
    make.device(organization).deactivate()
    make.device(organization)
    limits = OrganizationLimits.objects.get(organization=organization)
    limits.device_limit = limit
    assert errors(limits) == expected


def test_settings_that_come_and_go_change_configurations(db: None, committing: Any) -> None:
    organization = Organization.objects.create(name="new", slug="new")
    config = make.config(organization, config=using("p"))
    checksums = [config.checksum]
    with committing():
        settings = OrganizationConfigSettings.objects.create(organization=organization, context={"p": "1"})
    checksums.append(fresh(config).checksum)
    with committing():
        settings.delete()
    checksums.append(fresh(config).checksum)
    assert checksums[0] == checksums[2] != checksums[1]


def test_deletion_takes_everything_along(organization: Any, committing: Any) -> None:
    group = make.group(organization, templates=[make.template(organization)])
    make.device(organization, group=group)
    with committing():
        organization.delete()
    assert not Config.objects.exists()


def test_disabling_changes_nothing(organization: Any, committing: Any) -> None:
    config = make.config(organization, status="applied")
    with committing():
        save(organization, is_active=False)
    assert (fresh(config).status, fresh(config).checksum) == ("applied", config.checksum)
