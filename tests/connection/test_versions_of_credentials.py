"""Versions of credentials: told without secrets, kept encrypted, and brought back with them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from openwisp_users.models import Organization
from reversion.models import Version

from openwisp_controller.connection.models import Credentials

from .. import factories as make
from ..http.forms import form_of
from ..http.test_simultaneous_edits import page
from ..http.test_version_changes import address, edit, told
from ..ssh import PASSWORD

pytestmark = pytest.mark.django_db
MASK = "********"
CHANGED = "another-secret-password"


@pytest.fixture
def credentials(organization: Organization) -> Credentials:
    return make.credentials(organization, "ours")


def with_params(credentials: Credentials, **params: Any) -> str:
    return json.dumps({**credentials.params, **params})


def fresh(credentials: Credentials) -> Credentials:
    return Credentials.objects.get(pk=credentials.pk)


def return_to(client: Client, credentials: Credentials, version: Version) -> Any:
    return client.post(address(credentials, "return", version.pk), follow=True)


def oldest(credentials: Credentials) -> Version:
    found: Version = Version.objects.get_for_object(credentials).last()
    return found


def test_what_changed_is_told_without_secrets(administrator: Client, credentials: Credentials) -> None:
    edit(administrator, credentials, params=with_params(credentials, password=CHANGED, username="admin"))
    newest, first = told(administrator, credentials)
    assert first[0] == "Before the first edit"
    assert first[1]["Parameters, username"] == ("", "root", ())
    assert newest[1] == {
        "Parameters, username": ("root", "admin", ()),
        "Parameters, password": (MASK, MASK, ()),
    }
    pages = [address(credentials, "history")]
    pages += [address(credentials, "revision", version.pk) for version in Version.objects.get_for_object(credentials)]
    for each in pages:
        answer = administrator.get(each)
        assert answer.status_code == 200
        assert PASSWORD not in answer.content.decode()
        assert CHANGED not in answer.content.decode()


def test_versions_hold_secrets_encrypted(administrator: Client, credentials: Credentials) -> None:
    edit(administrator, credentials, params=with_params(credentials, password=CHANGED))
    versions = Version.objects.get_for_object(credentials)
    assert len(versions) == 2
    for version in versions:
        assert "aesgcm:" in version.serialized_data
        assert PASSWORD not in version.serialized_data
        assert CHANGED not in version.serialized_data


def test_returning_brings_the_secret_back(administrator: Client, credentials: Credentials) -> None:
    edit(administrator, credentials, params=with_params(credentials, password=CHANGED), name="theirs")
    answer = return_to(administrator, credentials, oldest(credentials))
    assert "was restored" in answer.content.decode()
    assert (fresh(credentials).name, fresh(credentials).params) == (credentials.name, credentials.params)
    assert len(Version.objects.get_for_object(credentials)) == 3


def test_restoring_on_the_page_of_a_version(administrator: Client, credentials: Credentials) -> None:
    edit(administrator, credentials, params=with_params(credentials, password=CHANGED))
    where = address(credentials, "revision", oldest(credentials).pk)
    answer = administrator.post(where, form_of(administrator.get(where)))
    assert answer.status_code == 302
    assert fresh(credentials).params == credentials.params


def test_edits_by_rest_are_versions_too(administrator: Client, credentials: Credentials) -> None:
    path = f"/api/v1/controller/credential/{credentials.pk}/"
    answer = administrator.patch(
        path, {"params": json.loads(with_params(credentials, password=CHANGED))}, "application/json"
    )
    assert answer.status_code == 200, answer.content
    newest, first = told(administrator, credentials)
    assert first[0] == "Before the first edit"
    assert newest[1] == {"Parameters, password": (MASK, MASK, ())}
    return_to(administrator, credentials, oldest(credentials))
    assert fresh(credentials).params == credentials.params


def test_credentials_that_add_themselves_are_added_again(
    administrator: Client, organization: Organization, committing: Any
) -> None:
    with committing():
        credentials = make.credentials(organization, "ours", auto_add=True)
    with committing():
        edit(administrator, credentials, auto_add="")
        config = make.config(organization)
    assert not config.device.deviceconnection_set.exists()
    with committing():
        return_to(administrator, credentials, oldest(credentials))
    assert [each.credentials_id for each in config.device.deviceconnection_set.all()] == [credentials.pk]


def test_those_of_others(administrator: Client, stranger: Client, root: Client, credentials: Credentials) -> None:
    edit(administrator, credentials, params=with_params(credentials, password=CHANGED))
    version = oldest(credentials)
    assert stranger.get(address(credentials, "history")).status_code in (302, 403, 404)
    assert stranger.post(address(credentials, "return", version.pk)).status_code in (403, 404)
    assert fresh(credentials).params["password"] == CHANGED
    shared = make.credentials(None, "shared")
    edit(root, shared, name="renamed")
    assert administrator.post(address(shared, "return", oldest(shared).pk)).status_code in (403, 404)
    assert fresh(shared).name == "renamed"


def test_a_lost_key_spoils_no_history(administrator: Client, credentials: Credentials, settings: Any) -> None:
    edit(administrator, credentials, name="theirs")
    settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = ["another-key-of-at-least-32-characters"]
    assert administrator.get(address(credentials, "history")).status_code == 200
    answer = return_to(administrator, credentials, oldest(credentials))
    assert "Nothing was restored" in answer.content.decode()
    assert administrator.get(address(credentials, "revision", oldest(credentials).pk)).status_code in (200, 302)
    assert fresh(credentials).name == "theirs"


def test_deleted_ones_are_for_superusers(administrator: Client, root: Client, credentials: Credentials) -> None:
    edit(administrator, credentials, name="theirs")
    assert administrator.get(reverse("admin:connection_credentials_recoverlist")).status_code == 403
    key = Version.objects.get_for_object(credentials).first().pk
    credentials.delete()
    assert root.get(reverse("admin:connection_credentials_recoverlist")).status_code == 200
    where = reverse("admin:connection_credentials_recover", args=[key])
    answer = root.get(where)
    assert PASSWORD not in answer.content.decode()
    assert root.post(where, form_of(answer)).status_code == 302
    assert Credentials.objects.get(name="theirs").params["password"] == PASSWORD
    assert page(Credentials.objects.get(name="theirs"))
