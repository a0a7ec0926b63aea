"""Killing and restarting what the controller consists of: nothing is lost, all devices end right."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from openwisp_controller.fleet import Fleet, FleetThread

from .deployment import SECRET, Deployment, deployment, wait_until_ready, web
from .processes import running, status_of, wait_until

pytestmark = pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs PostgreSQL and Redis")
DEVICES = 500
#: Storing takes so long that a worker can be killed in the middle: two seconds for 200 devices.
SLOW_REVISIONS = """
CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END';
CREATE TRIGGER take_time BEFORE INSERT ON config_revision FOR EACH ROW EXECUTE FUNCTION take_time();
"""


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Deployment]:
    with deployment(tmp_path) as result:
        yield result


def test_a_worker_killed_in_the_middle_of_a_template_change(deployed: Deployment) -> None:
    deployed.prepare(DEVICES)
    worker = deployed.process("worker", "--concurrency", "1")
    successor = deployed.process("worker", "--concurrency", "1")
    with running(worker, successor, deployed.process("scheduler")):
        successor.stop()
        deployed.execute(SLOW_REVISIONS)
        with deployed.template_being_edited("1"):
            wait_until(lambda: deployed.state().followed > 0, "the first chunk")
            worker.stop(signal.SIGKILL)
        assert deployed.state().stale > 0, "the worker was killed too late for this test to mean anything"
        deployed.let_claims_lapse()
        successor.start()
        state = deployed.wait_until_all_followed(DEVICES)
    assert state.revisions == DEVICES, "a device was compiled twice, or not at all"


def test_two_workers_share_the_stale_devices(deployed: Deployment) -> None:
    deployed.prepare(DEVICES)
    workers = [deployed.process("worker", "--concurrency", "2") for _ in range(2)]
    with running(*workers, deployed.process("scheduler")):
        deployed.edit_template("1")
        # duplicated messages: every worker is told again and again
        deployed.shell(
            "from openwisp_controller.config.tasks import compile_stale, reconcile\n"
            "for _ in range(20): compile_stale.delay(); reconcile.delay()"
        )
        state = deployed.wait_until_all_followed(DEVICES)
    assert state.revisions == DEVICES


def test_the_broker_is_away_while_a_template_is_edited(deployed: Deployment) -> None:
    deployed.prepare(50)
    with running(deployed.process("worker", "--concurrency", "1"), deployed.process("scheduler")):
        deployed.broker.stop()
        deployed.edit_template("1")
        assert deployed.state().stale == 50
        assert deployed.broker.start()
        state = deployed.wait_until_all_followed(50)
    assert state.revisions == 50


def test_the_database_is_restarted_while_devices_poll(deployed: Deployment) -> None:
    deployed.prepare(0)
    server, url = web(deployed)
    with running(server, deployed.process("worker", "--concurrency", "1"), deployed.process("scheduler")):
        wait_until_ready(url)
        fleet = Fleet(url, SECRET, 20, interval=0.5)
        with FleetThread(fleet) as devices:
            assert devices.wait_for(lambda fleet: fleet.summary().applied == 20, 60), fleet.problems()
            before = fleet.checksums()
            deployed.database.stop()
            wait_until(lambda: not _ready(url), "that the controller notices")
            assert deployed.database.start()
            wait_until_ready(url)
            deployed.edit_template("1")
            followed = devices.wait_for(
                lambda fleet: (
                    all(now != before[name] for name, now in fleet.checksums().items())
                    and fleet.summary().applied == 20
                ),
                90,
            )
            assert followed, fleet.problems()


def _ready(url: str) -> bool:
    return status_of(f"{url}/readyz") == 200
