"""Two changes at the same moment: both count, nobody waits in a circle. Where writers queue up there is no race."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.signals import m2m_changed
from django.test import Client
from django.utils import timezone

from openwisp_controller.common.wakeup import Message
from openwisp_controller.config import maintenance
from openwisp_controller.config.assignment import assigning
from openwisp_controller.config.compiling import concurrent_edits
from openwisp_controller.config.delivery import jobs
from openwisp_controller.config.models import (
    Config,
    Device,
    DeviceGroup,
    Job,
    OrganizationConfigSettings,
    Revision,
    Template,
)

from .. import factories as make
from ..http.protocol import KEY, MAC, download, poll, register, report
from ..recorder import SignalRecorder
from ..services import PATIENCE
from .scenarios import MODIFIED, fresh, interface, save, using

pytestmark = pytest.mark.django_db(transaction=True)
#: How long to wait for somebody who may be waiting for us: whether they came says how good the test was, no more.
A_MOMENT = 1.0


@pytest.fixture(autouse=True)
def many_writers() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("Writers queue up, so nobody comes in between.")


@pytest.fixture(autouse=True)
def nobody_wakes(lost_messages: list[Message]) -> None:
    """Workers do what tests tell them to do."""


class Other(threading.Thread):
    """Somebody else, with a connection to the database of their own."""

    def __init__(self, action: Callable[[], Any]) -> None:
        super().__init__()
        self.action = action
        self.error: BaseException | None = None
        self.backend: int | None = None

    def run(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (self.backend,) = cursor.fetchone()
            self.action()
        except BaseException as error:
            self.error = error
        finally:
            connection.close()

    def waits(self) -> bool:
        """Whether somebody has locked what they need next."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [self.backend])
            return bool(cursor.fetchone()[0])

    def come(self) -> None:
        """Start them, and wait until they have ended or wait for somebody, which may be us."""
        self.start()
        while self.is_alive() and not (self.backend and self.waits()):
            self.join(0.01)

    def finish(self) -> None:
        self.join(PATIENCE)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error


def check(config: Config) -> None:
    """What is released is what the configuration gives now."""
    revisions = Revision.objects.count()
    maintenance.recompute()
    maintenance.compile_stale()
    assert Revision.objects.count() == revisions
    assert fresh(config).released == fresh(config).compiled


def names(config: Config) -> set[str]:
    return {template.name for template in config.templates.all()}


@pytest.fixture
def meeting() -> Iterator[threading.Barrier]:
    """Edits of templates wait for each other once their rows are stored, if they can."""
    barrier = threading.Barrier(2)

    def meet(action: str, **kwargs: Any) -> None:
        if action == "post_add":
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait(A_MOMENT)

    m2m_changed.connect(meet, sender=Config.templates.through)
    yield barrier
    m2m_changed.disconnect(meet, sender=Config.templates.through)


def test_two_people_add_templates_to_one_device(organization: Any, request: Any) -> None:
    config = make.config(organization)
    templates = [make.template(organization, name) for name in "ab"]
    request.getfixturevalue("meeting")
    others = [Other(lambda template=template: fresh(config).templates.add(template)) for template in templates]
    for other in others:
        other.start()
    for other in others:
        other.finish()
    assert names(config) == {"a", "b"}
    check(config)


def test_template_assigned_while_a_job_gives_another_one(organization: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make.config(organization, templates=[make.template(organization, "a")])
    mine = make.template(organization, "mine")
    make.template(organization, "default", default=True)
    store, others = assigning._store, []

    def meanwhile(*arguments: Any) -> None:
        if not others:
            others.append(Other(lambda: fresh(config).templates.set([mine])))
            others[0].come()
        store(*arguments)

    monkeypatch.setattr(assigning, "_store", meanwhile)
    jobs.run_all()
    others[0].finish()
    assert names(config) == {"mine"}
    check(config)


def test_device_leaves_the_group_while_its_templates_are_given(
    organization: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = make.group(organization, templates=[make.template(organization, "old")])
    device = make.device(organization, group=group)
    jobs.run_all()
    group.templates.set([make.template(organization, "new")])
    store, others = assigning._store, []

    def meanwhile(*arguments: Any) -> None:
        if not others:
            others.append(Other(lambda: save(Device.objects.get(pk=device.pk), group=None)))
            others[0].come()
        store(*arguments)

    monkeypatch.setattr(assigning, "_store", meanwhile)
    jobs.run_all()
    others[0].finish()
    config = Config.objects.get(device=device)
    assert names(config) == set()
    check(config)


@pytest.mark.parametrize("second", ["edit", "compile"])
def test_device_renamed_while_something_else_changes(organization: Any, second: str) -> None:
    organization.config_settings.context = {"x": "1"}
    organization.config_settings.save()
    config = make.config(organization, config=using("x"))
    Config.objects.update(stale_since="2026-01-01T00:00Z", stale_cause="inputs_changed")
    actions: dict[str, Callable[[], Any]] = {
        "edit": lambda: save(fresh(config), context={"x": "2"}),
        "compile": maintenance.compile_stale,
    }
    other = Other(actions[second])
    with transaction.atomic():
        save(Device.objects.get(pk=config.device_id), name="renamed")
        other.come()
    other.finish()
    assert "renamed" in fresh(config).render()
    check(config)


def test_fully_saved_by_two(organization: Any) -> None:
    """The later one wins, and what it overwrites is seen as a change."""
    config = make.config(organization)
    old = Device.objects.get(pk=config.device_id)
    other = Other(old.save)
    with transaction.atomic():
        save(Device.objects.get(pk=config.device_id), name="renamed")
        other.come()
    other.finish()
    assert Device.objects.get(pk=config.device_id).name == old.name
    check(config)


def test_marking_and_compiling_at_once(organization: Any) -> None:
    template = make.template(organization)
    for _ in range(20):
        make.config(organization, templates=[template])
    others = [Other(action) for action in (maintenance.recompute, maintenance.compile_stale) * 3]
    maintenance.recompute()
    for other in others:
        other.start()
    for other in others:
        other.finish()
    maintenance.compile_stale()
    assert not Config.objects.filter(stale_since__isnull=False).exists()


@dataclass
class Meeting:
    """A device that comes to a shared object which is edited at the same moment."""

    organization: Any
    config: Config
    edit: Callable[[], Any]
    come: Callable[[], Any]


def _template(organization: Any) -> Meeting:
    template, config = make.template(organization, config=using("x")), make.config(organization)
    edited = interface("eth9")
    return Meeting(
        organization, config, lambda: save(template, config=edited), lambda: fresh(config).templates.add(template)
    )


def _group_variables(organization: Any) -> Meeting:
    group = make.group(organization, context={"x": "old"})
    config = make.config(organization, config=using("x"))
    return Meeting(
        organization, config,
        lambda: save(DeviceGroup.objects.get(pk=group.pk), context={"x": "new"}),
        lambda: save(Device.objects.get(pk=config.device_id), group=group),
    )  # fmt: skip


def _organization_variables(organization: Any) -> Meeting:
    settings = OrganizationConfigSettings.objects.filter(organization=organization)
    config = make.config(make.organization(), config=using("x"))
    return Meeting(
        organization, config,
        lambda: save(settings.get(), context={"x": "new"}),
        lambda: save(Device.objects.get(pk=config.device_id), organization=organization),
    )  # fmt: skip


def _default_template(organization: Any) -> Meeting:
    template, device = make.template(organization, "default"), make.device(organization)
    return Meeting(
        organization, Config(device=device),
        lambda: save(template, default=True),
        lambda: make.config(Device.objects.get(pk=device.pk)),
    )  # fmt: skip


def _group_templates(organization: Any) -> Meeting:
    group, template = make.group(organization), make.template(organization, "of the group")
    config = make.config(organization)
    return Meeting(
        organization, config,
        lambda: group.templates.set([template]),
        lambda: save(Device.objects.get(pk=config.device_id), group=group),
    )  # fmt: skip


def _group_of_new_config(organization: Any) -> Meeting:
    group = make.group(organization, context={"x": "old"})
    device = make.device(organization, group=group)
    return Meeting(
        organization, Config(device=device),
        lambda: save(DeviceGroup.objects.get(pk=group.pk), context={"x": "new"}),
        lambda: make.config(Device.objects.get(pk=device.pk), config=using("x")),
    )  # fmt: skip


@pytest.fixture(
    params=[
        _template,
        _group_of_new_config,
        _group_variables,
        _organization_variables,
        _default_template,
        _group_templates,
    ]
)
def encounter(request: Any, organization: Any) -> Meeting:
    result: Meeting = request.param(organization)
    maintenance.reconcile()
    return result


def work() -> None:
    jobs.run_all()
    maintenance.compile_stale()


def check_encounter(encounter: Meeting) -> None:
    assert not Job.objects.exists()
    config = Config.objects.get(device=encounter.config.device_id)
    expected = {
        template.name
        for template in Template.objects.filter(
            Q(default=True, organization=config.device.organization) | Q(device_group_relations=config.device.group_id)
        )
    }
    assert expected <= names(config)
    check(config)


def test_device_comes_before_the_edit_is_committed(encounter: Meeting) -> None:
    with transaction.atomic():
        encounter.edit()
        other = Other(encounter.come)
        other.start()
        other.finish()
    work()
    check_encounter(encounter)


def test_device_is_on_its_way_while_the_edit_is_committed_and_followed(encounter: Meeting) -> None:
    with transaction.atomic():
        encounter.come()

        def edit_and_work() -> None:
            encounter.edit()
            work()

        other = Other(edit_and_work)
        other.start()
        other.finish()
        assert Job.objects.exists(), "nobody may believe that all devices were seen"
    work()
    check_encounter(encounter)


def test_nobody_is_told_twice_of_an_edited_template(organization: Any, recorded: SignalRecorder) -> None:
    config = make.config(organization, templates=[template := make.template(organization)])
    recorded.clear()
    save(template, config=interface("eth9"))
    work()
    assert not Job.objects.exists()
    assert [emission.instance.pk for emission in recorded.of(MODIFIED)] == [config.pk]
    recorded.clear()
    other = make.config(organization, templates=[template])
    save(template, notes="no change")
    save(template, config=using("name"))
    make.config(organization, templates=[template])
    work()
    assert {emission.instance.pk for emission in recorded.of(MODIFIED)} == {config.pk, other.pk}


def wait_for_older_transactions(device: Device) -> None:
    """Wait until no transaction, of whichever database of the server, is older than the row of a device."""
    statement = (
        "SELECT xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
        " FROM config_device WHERE id = %s"
    )
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(statement, [device.pk])
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("an older transaction does not end")


def test_device_that_enrols_while_credentials_add_themselves_gets_them(organization: Any) -> None:
    known = make.config(organization)
    wait_for_older_transactions(known.device)

    def add_and_work() -> None:
        make.credentials(organization, auto_add=True)
        work()

    with transaction.atomic():
        config = make.config(organization)
        other = Other(add_and_work)
        other.start()
        other.finish()
        assert Job.objects.exists(), "nobody may believe that all devices were seen"
    known.device.deviceconnection_set.all().delete()
    Config.objects.filter(pk=known.pk).update(created=timezone.now() - 2 * concurrent_edits.YOUNG)
    work()
    assert not Job.objects.exists()
    assert config.device.deviceconnection_set.count() == 1
    assert not known.device.deviceconnection_set.exists(), "what a person removed in between stays removed"


def _request(send: Callable[[], Any], answers: list[Any]) -> Other:
    return Other(lambda: answers.append(send()))


def test_device_reports_while_its_configuration_is_edited(organization: Any) -> None:
    config = make.config(organization)
    assert download(Client(), config.device).status_code == 200
    answers: list[Any] = []
    other = _request(lambda: report(Client(), config.device, "applied"), answers)
    with transaction.atomic():
        save(fresh(config), config=interface("eth9"))
        other.come()
    other.finish()
    assert answers[0].content == b"report-result: success\ncurrent-status: modified\n"
    assert fresh(config).status == "modified"


def test_template_removed_while_the_device_enrols_again(organization: Any) -> None:
    old, tagged = make.template(organization, "old"), make.template(organization, "tagged")
    tagged.tags.add("mesh")
    config = make.config(make.device(organization, name="router", mac_address=MAC, key=KEY), templates=[old])
    answers: list[Any] = []
    other = _request(lambda: register(Client(), tags="mesh"), answers)
    with transaction.atomic():
        fresh(config).templates.remove(old)
        other.come()
    other.finish()
    assert answers[0].status_code == 201
    assert names(config) == {"tagged"}
    check(config)


def test_device_joins_a_group_while_it_enrols(organization: Any) -> None:
    device = make.device(organization, name="router", mac_address=MAC, key=KEY)
    group = make.group(organization, templates=[make.template(organization, "of the group")])
    answers: list[Any] = []
    other = _request(lambda: register(Client()), answers)
    with transaction.atomic():
        Device.objects.filter(pk=device.pk).update(group=group)
        other.come()
    other.finish()
    assert answers[0].status_code == 201
    assert names(Config.objects.get(device=device)) == {"of the group"}


def test_first_poll_of_a_configuration_that_is_just_edited(organization: Any) -> None:
    config = make.config(organization)
    Config.objects.update(released=None, compiled=None)
    answers: list[Any] = []
    other = _request(lambda: poll(Client(), config.device), answers)
    with transaction.atomic():
        save(fresh(config), config=interface("eth9"))
        other.come()
    other.finish()
    assert "eth9" in fresh(config).render()
    assert answers[0].content.decode() == fresh(config).checksum
    check(config)


def test_template_becomes_a_default_while_the_device_is_deactivated(organization: Any) -> None:
    config = make.config(organization)
    template = make.template(organization)
    save(template, default=True)
    other = Other(jobs.run_all)
    with transaction.atomic():
        Device.objects.get(pk=config.device_id).deactivate()
        other.come()
    other.finish()
    assert names(config) == set()
    check(config)


def test_template_becomes_a_default_while_the_device_moves(organization: Any) -> None:
    config = make.config(organization)
    template = make.template(organization)
    save(template, default=True)
    elsewhere = make.organization("elsewhere")
    other = Other(jobs.run_all)
    with transaction.atomic():
        save(Device.objects.get(pk=config.device_id), organization=elsewhere)
        other.come()
    other.finish()
    assert names(config) == set()
    check(config)


def test_template_added_while_the_device_moves(organization: Any) -> None:
    config = make.config(organization)
    template = make.template(organization)
    assert config.device.organization == organization
    elsewhere = make.organization("elsewhere")
    other = Other(lambda: config.templates.add(template))
    with transaction.atomic():
        save(Device.objects.get(pk=config.device_id), organization=elsewhere)
        other.come()
    with pytest.raises(ValidationError, match="do not match the organization"):
        other.finish()
    assert names(config) == set()
