"""Work over many devices, while devices come, go and change."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from openwisp_controller.common.wakeup import Message
from openwisp_controller.config.delivery import jobs
from openwisp_controller.config.models import Config, Device, DeviceGroup, Job, OutboxEntry, Template
from openwisp_controller.config.policy import changes, dependents
from openwisp_controller.config.policy.effects import Marks

from .. import factories as make
from ..recorder import SignalRecorder
from .scenarios import MODIFIED, OTHER_BACKEND, save

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_wakes(lost_messages: list[Message], monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs run when the test says so, two devices a chunk."""
    monkeypatch.setattr(jobs, "CHUNK", 2)


@pytest.fixture
def group(organization: Any) -> DeviceGroup:
    group = make.group(organization, templates=[make.template(organization, "old")])
    jobs.run_all()
    return group


def members(group: DeviceGroup, count: int) -> list[Device]:
    return [make.device(group.organization, group=group) for _ in range(count)]


def names(device: Device) -> list[str]:
    return [template.name for template in Config.objects.get(device=device).templates.all()]


def replace_templates(group: DeviceGroup, name: str = "new") -> Template:
    template = make.template(group.organization, name)
    group.templates.set([template])
    return template


def test_chunks(group: DeviceGroup) -> None:
    devices = members(group, 5)
    replace_templates(group)
    assert jobs.run_all() == 3
    assert [names(device) for device in devices] == [["new"]] * 5
    assert not Job.objects.exists()


def test_each_device_changes_once(group: DeviceGroup, recorded: SignalRecorder) -> None:
    members(group, 5)
    replace_templates(group)
    recorded.clear()
    jobs.run_all()
    assert len({emission.instance.pk for emission in recorded.of(MODIFIED)}) == len(recorded.of(MODIFIED)) == 5


def test_exactly_one_chunk(group: DeviceGroup) -> None:
    devices = members(group, 2)
    replace_templates(group)
    jobs.run_all()
    assert [names(device) for device in devices] == [["new"]] * 2
    assert not Job.objects.exists()


def test_devices_come_and_go_meanwhile(group: DeviceGroup) -> None:
    devices = sorted(members(group, 4), key=lambda device: device.pk)
    replace_templates(group)
    jobs.run_chunk()
    first = Device(organization=group.organization, name="first", mac_address="02:aa:00:00:00:01", group=group)
    last = Device(organization=group.organization, name="last", mac_address="02:aa:00:00:00:02", group=group)
    first.pk, last.pk = uuid.UUID(int=1), uuid.UUID(int=2**128 - 1)
    for device in (first, last):
        device.save()
    save(Device.objects.get(pk=devices[2].pk), group=None)
    Device.objects.get(pk=devices[3].pk).delete(check_deactivated=False)
    jobs.run_all()
    assert [names(device) for device in (*devices[:2], first, last)] == [["new"]] * 4
    assert names(devices[2]) == []


def test_own_templates_of_a_device_stay_in_place(group: DeviceGroup) -> None:
    (device,) = members(group, 1)
    own = make.template(group.organization, "own")
    Device.objects.get(pk=device.pk).config.templates.add(own)
    replace_templates(group)
    jobs.run_all()
    assert names(device) == ["own", "new"]


@pytest.mark.parametrize("interrupted", [True, False])
def test_several_edits_of_one_group(group: DeviceGroup, interrupted: bool) -> None:
    """Each device ends with the last list, whichever of the jobs came to it before the next edit."""
    devices = members(group, 4)
    replace_templates(group, "second")
    if interrupted:
        jobs.run_chunk()
    replace_templates(group, "third")
    group.templates.set(Template.objects.filter(name__in=["old", "third"]).order_by("name"))
    jobs.run_all()
    assert {frozenset(names(device)) for device in devices} == {frozenset({"old", "third"})}


def test_jobs_of_one_group_run_in_order(group: DeviceGroup) -> None:
    members(group, 4)
    replace_templates(group, "second")
    replace_templates(group, "third")
    first, second = Job.objects.values_list("pk", flat=True)
    jobs.run_chunk()
    assert list(Job.objects.exclude(cursor=None).values_list("pk", flat=True)) == [first]
    jobs.run_chunk()
    assert list(Job.objects.values_list("pk", flat=True)) in ([first, second], [second])


def test_configurations_are_created_as_needed(organization: Any, settings: Any) -> None:
    group = make.group(organization)
    devices = members(group, 3)
    default = make.template(organization, "default", default=True)
    replace_templates(group)
    jobs.run_all()
    assert [names(device) for device in devices] == [[default.name, "new"]] * 3


def test_other_backends_get_nothing(group: DeviceGroup) -> None:
    device = make.device(group.organization)
    make.config(device, backend=OTHER_BACKEND)
    Device.objects.filter(pk=device.pk).update(group=group)
    replace_templates(group)
    jobs.run_all()
    assert names(device) == []


def test_deactivated_devices_get_nothing(group: DeviceGroup) -> None:
    (device,) = members(group, 1)
    Device.objects.get(pk=device.pk).deactivate()
    replace_templates(group)
    jobs.run_all()
    assert names(device) == []


def test_required_templates_stay(group: DeviceGroup) -> None:
    (device,) = members(group, 1)
    Template.objects.update(required=True, default=True)
    replace_templates(group)
    jobs.run_all()
    assert names(device) == ["old", "new"]


@pytest.mark.parametrize("gone", ["group", "template"])
def test_what_it_is_about_is_gone(group: DeviceGroup, gone: str, committing: Any) -> None:
    (device,) = members(group, 1)
    template = replace_templates(group)
    (group if gone == "group" else template).delete()
    jobs.run_all()
    assert names(device) == (["old"] if gone == "group" else [])
    assert not Job.objects.exists()


def test_new_default_template_in_chunks(organization: Any) -> None:
    configs = [make.config(organization) for _ in range(5)]
    template = make.template(organization, default=True)
    late = make.config(organization)
    jobs.run_all()
    assert {config.templates.get() for config in (*configs, late)} == {template}


def test_failed_job_stops_no_other(
    organization: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    groups = [make.group(organization) for _ in range(2)]
    devices = [members(group, 1)[0] for group in groups]
    for group in groups:
        replace_templates(group, f"of {group}")
    step = jobs.steps[Job.Kind.GROUP_TEMPLATES]

    def stumble(job: Job) -> Any:
        if job.subject == groups[0].pk:
            raise LookupError
        return step(job)

    monkeypatch.setitem(jobs.steps._entries, Job.Kind.GROUP_TEMPLATES, stumble)
    jobs.run_all()
    assert [Device.objects.get(pk=device.pk)._has_config() for device in devices] == [False, True]
    assert "failed, it is tried again later" in caplog.text
    monkeypatch.setitem(jobs.steps._entries, Job.Kind.GROUP_TEMPLATES, step)
    jobs.run_all()
    assert names(devices[0]) == [f"of {groups[0]}"]
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_job_whose_commit_fails_is_tried_once_in_a_run(
    organization: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its row is deleted by then, and comes back: as when a disk is full, which shows as late as that."""
    template = make.template(organization)
    jobs.run_all()
    jobs.enqueue(Job.Kind.GROUP_TEMPLATES, organization.pk)
    key = Job.objects.get().pk
    tries = []

    def refer_to_nothing(job: Job) -> None:
        tries.append(job.pk)
        assert len(tries) < 5, "it is tried again and again"
        # foreign keys are checked at the commit
        Template.objects.filter(pk=template.pk).update(organization=uuid.uuid4())

    monkeypatch.setitem(jobs.steps._entries, Job.Kind.GROUP_TEMPLATES, refer_to_nothing)
    jobs.run_all()
    assert tries == [key]
    assert f"Job {key} failed, it is tried again later" in caplog.text
    assert Job.objects.get().pk == key


def test_killed_in_a_chunk(group: DeviceGroup, monkeypatch: pytest.MonkeyPatch, recorded: SignalRecorder) -> None:
    """Neither the devices nor the cursor of an unfinished chunk are kept."""
    devices = members(group, 3)
    replace_templates(group)
    recorded.clear()

    class Killed(BaseException):
        pass

    def kill(job: Job) -> Any:
        step(job)
        raise Killed

    step = jobs.steps[Job.Kind.GROUP_TEMPLATES]
    monkeypatch.setitem(jobs.steps._entries, Job.Kind.GROUP_TEMPLATES, kill)
    with pytest.raises(Killed):
        jobs.run_all()
    assert [names(device) for device in devices] == [["old"]] * 3
    assert Job.objects.get().cursor is None
    assert recorded.names == []
    monkeypatch.setitem(jobs.steps._entries, Job.Kind.GROUP_TEMPLATES, step)
    jobs.run_all()
    assert [names(device) for device in devices] == [["new"]] * 3
    assert recorded.names.count(MODIFIED) == 3
    assert not OutboxEntry.objects.exists()


def test_whatever_is_marked_in_the_background_can_be_looked_at_again(organization: Any) -> None:
    owner = (
        make.group(organization), make.template(organization), organization.config_settings, make.vpn(organization),
    )  # fmt: skip
    shared = {type(instance): instance for instance in owner}
    rechecked = [
        change.trigger.model
        for change in changes.TABLE
        for effect in change.effects
        if isinstance(effect, Marks) and effect.recheck
    ]
    assert set(shared) <= set(rechecked)
    for model in set(shared):
        assert dependents.configs_depending_on(model._meta.label, shared[model].pk) is not None
        assert dependents.configs_depending_on(model._meta.label, uuid.uuid4()) is None
    assert set(rechecked) == {*shared, Device, Config}
