"""Who hears of what happens to devices."""

from __future__ import annotations

from typing import Any

import pytest
from openwisp_notifications.models import Notification
from openwisp_users.models import Organization, OrganizationUser, User

from openwisp_controller.config import notifications
from openwisp_controller.config.devices import lifecycle
from openwisp_controller.config.models import Config

from .. import factories as make
from .scenarios import fresh, interface, save

pytestmark = pytest.mark.django_db


def manager(organization: Organization, name: str, **fields: Any) -> User:
    user = User.objects.create_user(name, f"{name}@example.org", "password", is_staff=True, **fields)
    OrganizationUser.objects.create(user=user, organization=organization, is_admin=True)
    return user


@pytest.fixture
def people(organization: Organization, committing: Any) -> dict[str, User]:
    """Only the first two hear of the organization's devices."""
    with committing():
        people = {
            "superuser": User.objects.create_superuser("root", "root@example.org", "password"),
            "manager": manager(organization, "manager"),
            "manager of another": manager(make.organization(), "stranger"),
            "inactive": manager(organization, "gone", is_active=False),
            "member": User.objects.create_user("member", "member@example.org", "password", is_staff=True),
        }
        OrganizationUser.objects.create(user=people["member"], organization=organization)
    return people


@pytest.fixture
def config(organization: Organization, people: dict[str, User]) -> Config:
    return make.config(make.device(organization, "router"), config=interface("eth0"))


def messages(user: User) -> list[str]:
    return [notification.message for notification in Notification.objects.filter(recipient=user).order_by("timestamp")]


def report(config: Config, status: str, reason: str, committing: Any) -> None:
    with committing():
        lifecycle.report(fresh(config), status, reason)


def test_recipients(config: Config, people: dict[str, User], committing: Any) -> None:
    report(config, "error", "why", committing)
    assert {name: len(messages(user)) for name, user in people.items()} == {
        "superuser": 1, "manager": 1, "manager of another": 0, "inactive": 0, "member": 0,
    }  # fmt: skip


def test_error(config: Config, people: dict[str, User], committing: Any) -> None:
    report(config, "error", "why", committing)
    notification = Notification.objects.get(recipient=people["manager"])
    assert (notification.type, notification.level, notification.verb) == (
        "config_error",
        "error",
        "encountered an error",
    )
    assert (notification.actor, notification.target) == (config, config.device)
    assert "router</a> has encountered an error. The last working configuration has been restored" in (
        notification.message
    )
    assert "#config-group" in notification.message
    assert 'ERROR: "router" configuration encountered an error' in notification.email_subject


@pytest.mark.parametrize(("reports", "count"), [
    (["error why"], 1), (["error why", "error why"], 1), (["error why", "error other"], 2),
    (["applied ", "error why"], 1), (["error why", "applied ", "error why"], 2), (["applied "], 0),
])  # fmt: skip
def test_only_news(config: Config, people: dict[str, User], committing: Any, reports: list[str], count: int) -> None:
    for line in reports:
        status, _, reason = line.partition(" ")
        report(config, status, reason, committing)
    assert len(messages(people["manager"])) == count


@pytest.mark.parametrize("how", ["set_status_error", "assigned"])
def test_status_set_by_code(config: Config, people: dict[str, User], committing: Any, how: str) -> None:
    with committing():
        if how == "assigned":
            save(fresh(config), status="error")
        else:
            fresh(config).set_status_error(reason="why")
    assert len(messages(people["manager"])) == 1


def test_nothing_when_undone(config: Config, people: dict[str, User], committing: Any) -> None:
    with committing():
        fresh(config).set_status_error(reason="why")
        fresh(config).set_status_applied()
    assert messages(people["manager"]) == []


def test_what_does_not_compile_is_told_once(organization: Any, people: dict[str, User], committing: Any) -> None:
    template = make.template(organization, config=interface("eth0"), default_values={"m": "02:00:00:00:00:01"})
    for name in ("router-1", "router-2"):
        device = make.device(organization, name)
        make.config(device, templates=[template], context={"m": "secret"})
    with committing():
        save(template, config=interface("eth0", mac="{{ m }}"))
    (message,) = messages(people["manager"])
    assert "2 devices" in message
    assert "router-1" in message
    assert "secret" not in message
    assert messages(people["manager of another"]) == []


@pytest.mark.parametrize(("is_new", "text"), [(True, "A new device"), (False, "The existing device")])
def test_registration(organization: Any, people: dict[str, User], is_new: bool, text: str) -> None:
    device = make.device(organization, "router")
    notifications.device_registered(str(device.pk), is_new)
    notification = Notification.objects.get(recipient=people["manager"])
    assert (notification.type, notification.level) == ("device_registered", "success")
    assert text in notification.message
    assert "router</a> has registered successfully." in notification.message
    assert 'SUCCESS: "router" registered successfully' in notification.email_subject


def test_gone_meanwhile(people: dict[str, User], config: Config) -> None:
    key, device = str(config.pk), str(config.device_id)
    config.device.delete(check_deactivated=False)
    notifications.config_error(key)
    notifications.compile_errors([key])
    notifications.device_registered(device, True)
    assert not Notification.objects.exists()
