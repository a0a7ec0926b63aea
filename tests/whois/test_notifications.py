"""Who hears of lookups that fail, and how often."""

from __future__ import annotations

from typing import Any

import pytest
from openwisp_notifications.models import Notification
from openwisp_users.models import Organization, User

from .. import factories as make
from ..geolite import ADDRESS, NO_PERMISSION, NO_QUERIES, NOT_FOUND, OTHER, ROME, WRONG_KEY, Geolite

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(organization: Organization, other: Organization, committing: Any) -> None:
    """A superuser, a manager of the organization, and one of another."""
    with committing():
        make.superuser()
        make.person("administrator", organization, "Administrator")
        make.person("stranger", other, "Administrator")


def told(name: str = "root") -> list[Notification]:
    recipient = User.objects.get(username=name)
    about = Notification.objects.filter(recipient=recipient, type="generic_message").order_by("timestamp")
    return [notification for notification in about if "WHOIS" in notification.message]


def look_up(organization: Organization, committing: Any, address: str = ADDRESS) -> Any:
    with committing():
        return make.device(organization, last_ip=address)


def test_what_is_told_to_whom(whois: Geolite, organization: Organization, committing: Any, people: None) -> None:
    whois.answers(WRONG_KEY)
    with committing():
        device = make.device(organization, "ap-1", last_ip=ADDRESS)
    (notification,) = told()
    assert [len(told(name)) for name in ("administrator", "stranger")] == [1, 0]
    assert (notification.level, notification.actor, notification.action_object, notification.target) == (
        "error", device, device, device,
    )  # fmt: skip
    assert "Failed to fetch WHOIS details for device" in notification.message
    assert f"/admin/config/device/{device.pk}/change/" in notification.message
    assert ">ap-1</a>" in notification.message
    assert notification.rendered_description == f"<p>WHOIS details could not be fetched for ip: {ADDRESS}.</p>"


def test_once_for_each_kind_of_failure(
    whois: Geolite, organization: Organization, committing: Any, people: None
) -> None:
    for answer, count in (
        (WRONG_KEY, 1), (WRONG_KEY, 1), (NO_QUERIES, 2), (WRONG_KEY, 2), (NO_PERMISSION, 3), ((500, "busy"), 4),
        ((502, "busy"), 4), (NO_QUERIES, 4),
    ):  # fmt: skip
        whois.answers(answer)
        look_up(organization, committing)
        assert len(told()) == count, answer
    whois.answers((200, ROME))
    look_up(organization, committing)
    whois.answers(NO_QUERIES)
    look_up(organization, committing, OTHER)
    assert len(told()) == 5


def test_an_address_that_is_not_known_is_no_failure(
    whois: Geolite, organization: Organization, committing: Any, people: None
) -> None:
    """It hides no failure, and shows that what failed before works."""
    whois.answers(NOT_FOUND)
    look_up(organization, committing)
    assert told() == []
    whois.answers(WRONG_KEY)
    look_up(organization, committing, OTHER)
    assert len(told()) == 1


def test_a_device_that_is_gone(whois: Geolite, organization: Organization, committing: Any, people: None) -> None:
    from openwisp_controller.config.tasks import notify_whois_failed

    device = look_up(organization, committing)
    key = str(device.pk)
    device.delete(check_deactivated=False)
    with committing():
        notify_whois_failed.delay(key, ADDRESS)
    assert told() == []
