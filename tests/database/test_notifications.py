"""Who hears of what happens to devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openwisp_notifications.models import Notification
from openwisp_users.models import Organization, OrganizationUser, User

from openwisp_controller.common import wakeup
from openwisp_controller.config import maintenance
from openwisp_controller.config.delivery import notices
from openwisp_controller.config.delivery.notices import kinds
from openwisp_controller.config.devices import reports
from openwisp_controller.config.models import Config, Notice
from openwisp_controller.connection.models import HostKey

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
        reports.report(fresh(config), status, reason)


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
    Notice.write("device_registered", device.pk, is_new=is_new)
    maintenance.reconcile()
    notification = Notification.objects.get(recipient=people["manager"])
    assert (notification.type, notification.level) == ("device_registered", "success")
    assert text in notification.message
    assert "router</a> has registered successfully." in notification.message
    assert 'SUCCESS: "router" registered successfully' in notification.email_subject


def test_gone_meanwhile(people: dict[str, User], config: Config) -> None:
    for kind, _ in kinds.items():
        facts = {"is_new": True, "is_working": False, "reason": ""}
        Notice.write(kind, config.pk, config.device_id, **facts)
    config.device.delete(check_deactivated=False)
    maintenance.reconcile()
    assert not Notification.objects.exists()
    assert not Notice.objects.exists()


#: What makes each kind of notice worth telling, by kind: prepares a device, returns subject and facts.
SCENES: dict[str, Callable[[Config], tuple[Any, dict[str, Any]]]] = {
    "device_registered": lambda config: (config.device_id, {"is_new": True}),
    "config_error": lambda config: (_with(config, status="error"), {}),
    "compile_error": lambda config: (_with(config, compile_error="why"), {}),
    "reenrolment_refused": lambda config: (config.device_id, {}),
    "connection": lambda config: (make.connection(config).pk, {"is_working": False, "reason": "no route"}),
    "host_key_refused": lambda config: (_refused(config), {}),
}


def _with(config: Config, **fields: Any) -> Any:
    Config.objects.filter(pk=config.pk).update(**fields)
    return config.pk


def _refused(config: Config) -> Any:
    HostKey.objects.create(device=config.device, refused_key="ssh-ed25519 AAAA")
    return config.device_id


def test_every_kind_is_tried() -> None:
    assert SCENES.keys() == dict(kinds.items()).keys()


@pytest.mark.parametrize("kind", SCENES)
def test_a_burst_is_told_together(organization: Any, people: dict[str, User], committing: Any, kind: str) -> None:
    """However many devices there are, the people of each organization get one notification, at the same cost."""
    with committing():
        other = make.organization("elsewhere")
        OrganizationUser.objects.create(user=people["manager of another"], organization=other, is_admin=True)
    costs = []
    for count in (8, 9, 20):
        for owner in (organization, other):
            for _ in range(count):
                subject, facts = SCENES[kind](make.config(make.device(owner)))
                Notice.write(kind, subject, **facts)
        with committing(), CaptureQueriesContext(connection) as queries:
            notices.deliver_all()
        costs.append(len(queries))
        for user in (people["manager"], people["manager of another"]):
            (message,) = messages(user)
            assert f"{count} " in message
            assert "</a>" in message
        assert len(messages(people["superuser"])) == 2
        Notification.objects.all().delete()
    assert costs[2] <= costs[1]


@pytest.mark.parametrize("kind", SCENES)
def test_few_are_told_one_by_one(organization: Any, people: dict[str, User], committing: Any, kind: str) -> None:
    with committing():
        for _ in range(2):
            subject, facts = SCENES[kind](make.config(make.device(organization)))
            Notice.write(kind, subject, **facts)
    assert len(messages(people["manager"])) == (1 if kind == "compile_error" else 2)


@pytest.mark.django_db(transaction=True)
def test_one_message_wakes_for_a_burst(config: Config) -> None:
    notices.deliver_all()
    with wakeup.intercepted() as sent:
        for _ in range(10):
            Notice.write("device_registered", config.device_id, is_new=True)
        first = len(sent)
        notices.deliver_all()
        Notice.write("device_registered", config.device_id, is_new=True)
    assert (first, len(sent)) == (1, 2), "what comes after a worker looked needs another message"


def test_a_kind_that_fails_is_dropped(
    config: Config, people: dict[str, User], committing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_notices: Any) -> Any:
        raise RuntimeError("why")

    kinds.register("broken", notices.Kind(fail, lambda first, count: ""))
    try:
        with committing():
            Notice.write("broken", config.pk)
            Notice.write("device_registered", config.device_id, is_new=True)
    finally:
        kinds.unregister("broken")
    assert "People could not be told of 1 × broken" in caplog.text
    assert len(messages(people["manager"])) == 1
    assert not Notice.objects.exists()
