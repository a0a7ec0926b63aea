"""What a lost message, a killed worker or a new setting leaves behind is found and done, once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from openwisp_controller.common.wakeup import Message
from openwisp_controller.config import maintenance, signals
from openwisp_controller.config.compiling import compiler
from openwisp_controller.config.delivery import outbox
from openwisp_controller.config.models import Config, Device, Job, OutboxEntry, Revision
from openwisp_controller.config.policy import evaluation
from openwisp_controller.config.signals import config_modified

from .. import factories as make
from ..recorder import SignalRecorder
from .scenarios import MODIFIED, STATUS, fresh, interface, save, using

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """The end of a worker."""


@pytest.fixture
def lost(lost_messages: list[Message]) -> list[Message]:
    """Messages to workers get lost; lists them."""
    return lost_messages


class TestLostMessages:
    def test_stale_configurations(self, organization: Any, committing: Any, lost: list[Message]) -> None:
        template = make.template(organization)
        config = make.config(organization, templates=[template])
        with committing():
            save(template, config=interface("eth9"))
        assert Message("config.compile_stale") in lost
        assert fresh(config).checksum == config.checksum
        maintenance.reconcile()
        assert fresh(config).checksum != config.checksum

    def test_jobs(self, organization: Any, committing: Any, lost: list[Message]) -> None:
        config = make.config(organization)
        with committing():
            make.template(organization, "t", default=True)
        assert Message("config.run_jobs") in lost
        assert not config.templates.exists()
        maintenance.reconcile()
        assert [template.name for template in config.templates.all()] == ["t"]
        assert not Job.objects.exists()

    def test_group(self, organization: Any, committing: Any, lost: list[Message]) -> None:
        group = make.group(organization)
        device = make.device(organization, group=group)
        with committing():
            group.templates.add(make.template(organization, "t"))
        maintenance.reconcile()
        assert Device.objects.get(pk=device.pk).config.templates.get().name == "t"

    def test_nothing_to_do(self, organization: Any, lost: list[Message]) -> None:
        make.config(organization)
        maintenance.reconcile()
        assert Revision.objects.count() == 1
        assert lost == []

    def test_broker_is_away(
        self, organization: Any, committing: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        from openwisp_controller.config import tasks

        def fail(*arguments: Any, **options: Any) -> None:
            raise OperationalError("nobody there")

        template = make.template(organization)
        config = make.config(organization, templates=[template])
        monkeypatch.setattr(tasks.compile_stale, "delay", fail)
        with committing():
            save(template, config=interface("eth9"))
        assert "compile_stale waits for the reconciler" in caplog.text
        maintenance.reconcile()
        assert fresh(config).checksum != config.checksum


class TestKilledWorker:
    @pytest.fixture
    def config(self, organization: Any, committing: Any, lost: list[Message]) -> Config:
        template = make.template(organization)
        config = make.config(organization, templates=[template], status="applied")
        with committing():
            save(template, config=interface("eth9"))
        return config

    def test_after_claiming(self, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        def kill(*arguments: Any) -> Any:
            compile_configs(*arguments)
            raise Killed

        revisions = Revision.objects.count()
        compile_configs = compiler.compile_configs
        monkeypatch.setattr(compiler, "compile_configs", kill)
        with pytest.raises(Killed):
            maintenance.compile_stale()
        assert fresh(config).stale_since is not None
        assert Revision.objects.count() == revisions
        monkeypatch.setattr(compiler, "compile_configs", compile_configs)
        maintenance.reconcile()
        assert (fresh(config).stale_since, fresh(config).status) == (None, "modified")

    @pytest.fixture
    def owed(self, config: Config, monkeypatch: pytest.MonkeyPatch, recorded: SignalRecorder) -> Config:
        """Compiled by a worker that was killed before it could announce it, long ago."""

        def kill(*arguments: Any) -> None:
            raise Killed

        recorded.clear()
        with monkeypatch.context() as patch:
            patch.setattr(outbox, "send_and_delete", kill)
            with pytest.raises(Killed):
                maintenance.compile_stale()
        assert fresh(config).checksum != config.checksum
        assert recorded.names == []
        return config

    def become_old(self, ago: timedelta = 2 * outbox.OVERDUE) -> None:
        OutboxEntry.objects.update(created=timezone.now() - ago)

    @pytest.mark.parametrize(
        "ago", [2 * outbox.OVERDUE, timedelta(hours=-1)], ids=["a while ago", "clock was set back"]
    )
    def test_before_announcing(self, owed: Config, recorded: SignalRecorder, ago: timedelta) -> None:
        maintenance.reconcile()
        assert recorded.names == [], "another worker may be about to do it"
        self.become_old(ago)
        for _ in range(2):
            maintenance.reconcile()
        assert recorded.names == [STATUS, MODIFIED]
        emission = recorded.only(MODIFIED)
        assert (emission.instance, emission.previous_status) == (owed, "applied")
        assert (emission.action, emission.config, emission.device) == ("related_template_changed", owed, owed.device)

    def test_killed_again_while_announcing(
        self, owed: Config, recorded: SignalRecorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def kill(emission: Any) -> None:
            raise Killed

        self.become_old()
        with monkeypatch.context() as patch:
            patch.setattr(outbox.Emission, "send_robustly", kill)
            with pytest.raises(Killed):
                maintenance.reconcile()
        assert evaluation.redeliver() == 0, "it is taken for a while"
        self.become_old()
        maintenance.reconcile()
        assert recorded.names == [STATUS, MODIFIED]
        assert not OutboxEntry.objects.exists()

    def test_receiver_fails(self, owed: Config, recorded: SignalRecorder) -> None:
        """A receiver that breaks its own statement does not make the others hear it again and again."""

        def fail(**kwargs: Any) -> None:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT * FROM no_such_table")

        self.become_old()
        signals.config_modified.connect(fail)
        try:
            for _ in range(2):
                maintenance.reconcile()
        finally:
            signals.config_modified.disconnect(fail)
        assert recorded.names == [STATUS, MODIFIED]

    def test_configuration_deleted_meanwhile(self, owed: Config, recorded: SignalRecorder) -> None:
        self.become_old()
        owed.delete()
        maintenance.reconcile()
        assert recorded.names == []

    def test_many(self, organization: Any, recorded: SignalRecorder, committing: Any) -> None:
        for _ in range(5):
            config = make.config(organization)
            OutboxEntry.objects.create(
                config=config, cause="inputs_changed", previous_status="applied", status_changed=False, modified=True,
                created=timezone.now() - timedelta(hours=1),
            )  # fmt: skip
        with committing():
            assert evaluation.redeliver(limit=2) == 2
        assert recorded.names == [MODIFIED] * 5
        assert not OutboxEntry.objects.exists()


class TestSystemChange:
    @pytest.fixture
    def config(self, organization: Any) -> Config:
        maintenance.reconcile()
        return make.config(organization, config=using("x"))

    @pytest.mark.parametrize(("name", "value"), [
        ("CONTEXT", {"x": "1"}), ("DSA_DEFAULT_FALLBACK", False),
        ("DSA_OS_MAPPING", {"netjsonconfig.OpenWrt": {}}), ("HARDWARE_ID_ENABLED", True),
        ("CERT_PATH", "/etc/elsewhere"),
    ])  # fmt: skip
    def test_settings(self, config: Config, settings: Any, name: str, value: Any) -> None:
        setattr(settings, f"OPENWISP_CONTROLLER_{name}", value)
        assert maintenance.mark_after_system_change() is True
        assert maintenance.mark_after_system_change() is False
        assert fresh(config).stale_since is not None

    def test_new_variables_reach_devices(self, config: Config, settings: Any, recorded: SignalRecorder) -> None:
        settings.OPENWISP_CONTROLLER_CONTEXT = {"x": "1"}
        recorded.clear()
        maintenance.reconcile()
        assert fresh(config).checksum != config.checksum
        assert recorded.names == [MODIFIED]

    def test_first_start(self, organization: Any) -> None:
        config = make.config(organization)
        assert maintenance.mark_after_system_change() is False
        assert fresh(config).stale_since is None


class TestPruning:
    @pytest.fixture
    def config(self, organization: Any, settings: Any) -> Config:
        settings.OPENWISP_CONTROLLER_REVISIONS_KEPT = 2
        config = make.config(organization)
        for number in range(6):
            save(config, config=interface(f"eth{number}"))
        return fresh(config)

    def kept(self, config: Config) -> list[int]:
        """Which of the revisions are left, 1 being the oldest."""
        return [
            number for number, pk in enumerate(self.keys, 1) if config.revisions.filter(pk=pk).exists()
        ]  # fmt: skip

    @pytest.mark.parametrize(("pointer", "kept"), [
        (None, [6, 7]), ("released", [1, 6, 7]), ("downloaded", [1, 6, 7]), ("applied", [1, 6, 7]),
        ("compiled", [1, 6, 7]),
    ])  # fmt: skip
    def test_the_last_ones_and_those_in_use_stay(self, config: Config, pointer: str | None, kept: list[int]) -> None:
        self.keys = list(config.revisions.order_by("pk").values_list("pk", flat=True))
        other = make.config(config.device.organization)
        if pointer:
            Config.objects.filter(pk=config.pk).update(**{pointer: self.keys[0]})
        assert maintenance.prune_revisions() == 7 - len(kept)
        assert self.kept(config) == kept
        assert maintenance.prune_revisions() == 0
        assert other.revisions.count() == 1

    def test_through_many_in_use(self, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        """Those in use at the head of the line do not keep the others from being found."""
        oldest = config.revisions.order_by("pk").first()
        Config.objects.filter(pk=config.pk).update(applied=oldest)
        monkeypatch.setattr(maintenance, "PRUNED_AT_ONCE", 1)
        assert [maintenance.prune_revisions() for _ in range(5)] == [1, 1, 1, 1, 0]


def test_command(organization: Any, capsys: pytest.CaptureFixture[str]) -> None:
    config = make.config(organization, config=using("x"))
    organization.config_settings.__class__.objects.update(context={"x": "1"})
    call_command("recompute", "--wait")
    assert capsys.readouterr().out.splitlines() == [
        "1 configurations are marked for compiling.",
        "1 configurations were compiled.",
    ]
    assert fresh(config).checksum != config.checksum


def test_many_rows_are_updated_each_with_its_own_values(organization: Any) -> None:
    from openwisp_controller.common.sql import update_many

    configs = [make.config(organization) for _ in range(3)]
    rows = [[config.pk, f"reason '{n}' %s", None, None] for n, config in enumerate(configs[:2])]
    update_many(Config, ["id", "error_reason", "released_id", "stale_since"], rows)
    update_many(Config, ["id", "error_reason"], [])
    assert [fresh(config).error_reason for config in configs] == ["reason '0' %s", "reason '1' %s", ""]
    assert [fresh(config).released_id is None for config in configs] == [True, True, False]


def test_database_errors_of_a_chunk_reach_the_worker(organization: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make.config(organization)
    maintenance.recompute()

    def fail(*arguments: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr(compiler, "update_many", fail)
    with pytest.raises(DatabaseError):
        maintenance.compile_stale()
    assert Config.objects.filter(stale_since__isnull=False).count() == 1


class TestSlowReceivers:
    """Each call of a receiver takes a while, and another worker looks for overdue entries all the time."""

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> Clock:
        clock = Clock()
        monkeypatch.setattr(outbox, "database_time", clock.now)
        monkeypatch.setattr(outbox, "monotonic", clock.monotonic)
        return clock

    @pytest.fixture
    def devices(self, organization: Any, committing: Any, lost: list[Message]) -> set[Any]:
        template = make.template(organization)
        devices = {make.config(organization, templates=[template]).device_id for _ in range(8)}
        with committing():
            save(template, config=interface("eth9"))
        return devices

    @pytest.fixture
    def announced(self) -> Iterator[Announced]:
        announced = Announced()
        config_modified.connect(announced)
        yield announced
        config_modified.disconnect(announced)

    def test_nobody_takes_over_from_a_worker_that_lives(
        self, devices: set[Any], clock: Clock, announced: Announced
    ) -> None:
        announced.then = lambda number: clock.passes(seconds=50)
        maintenance.compile_stale()
        assert announced.counts == dict.fromkeys(devices, 1)
        assert announced.by_others == 0
        assert not OutboxEntry.objects.exists()

    def test_who_took_too_long_leaves_the_rest_to_others(
        self, devices: set[Any], clock: Clock, announced: Announced
    ) -> None:
        announced.then = lambda number: clock.passes(minutes=5 if number == 3 else 0)
        maintenance.compile_stale()
        assert set(announced.counts) == devices
        # the one being announced when time ran out, and what the others could not know of
        assert max(announced.counts.values()) == 2
        assert announced.by_others == len(devices)
        assert sum(announced.counts.values()) == 3 + len(devices)
        assert not OutboxEntry.objects.exists()


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> Any:
        return timezone.now() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead.total_seconds()

    def passes(self, **amount: float) -> None:
        self.ahead += timedelta(**amount)


class Announced:
    """A receiver of ``config_modified`` that counts, lets time pass, then lets another worker look for leftovers."""

    def __init__(self) -> None:
        self.counts: dict[Any, int] = {}
        self.by_others = 0
        self.then: Callable[[int], Any] = lambda number: None
        self.others_look = True

    def __call__(self, device: Any, **kwargs: Any) -> None:
        self.counts[device.pk] = self.counts.get(device.pk, 0) + 1
        if self.others_look:
            self.then(sum(self.counts.values()))
            self.others_look = False
            self.by_others += evaluation.redeliver()
            self.others_look = True
