"""Killing and restarting what the controller consists of: nothing is lost, all devices end right."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from openwisp_controller.fleet import Fleet, FleetThread

from .deployment import SECRET, Deployment, Services, wait_until_ready, web
from .processes import PATIENCE, running, status_of, wait_until

pytestmark = pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs PostgreSQL and Redis")
DEVICES = 500
#: Connections to the database besides the one that asks.
OTHERS = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
#: The second chunk of revisions is being stored.
SECOND_CHUNK = "(SELECT count(*) FROM config_revision WHERE cause = 'related_template_changed') >= 200"


@pytest.fixture
def deployed(tmp_path: Path, services: Services, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """A deployment with as many devices as the test says."""
    with services.deployed(tmp_path, request.param) as result:
        yield result


@pytest.mark.parametrize("deployed", [DEVICES], indirect=True)
def test_a_worker_killed_in_the_middle_of_a_template_change(deployed: Deployment) -> None:
    worker = deployed.process("worker", "--concurrency", "1")
    successor = deployed.process("worker", "--concurrency", "1")
    with running(worker, successor, deployed.process("scheduler")):
        successor.stop()
        with (
            deployed.held("INSERT", "config_revision", SECOND_CHUNK) as wait_for_second_chunk,
            deployed.template_being_edited("1"),
        ):
            wait_for_second_chunk()
            worker.stop(signal.SIGKILL)
        state = deployed.state()
        assert state.followed > 0
        assert state.stale > 0
        deployed.let_claims_lapse()
        successor.start()
        state = deployed.wait_until_all_followed(DEVICES)
    assert state.revisions == DEVICES, "a device was compiled twice, or not at all"


@pytest.mark.parametrize("deployed", [DEVICES], indirect=True)
def test_two_workers_share_the_stale_devices(deployed: Deployment) -> None:
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


@pytest.mark.parametrize("deployed", [50], indirect=True)
def test_the_broker_is_away_while_a_template_is_edited(deployed: Deployment) -> None:
    with running(deployed.process("worker", "--concurrency", "1"), deployed.process("scheduler")):
        deployed.broker.stop()
        deployed.edit_template("1")
        assert deployed.state().stale == 50
        assert deployed.broker.start()
        state = deployed.wait_until_all_followed(50)
    assert state.revisions == 50


@pytest.mark.parametrize("deployed", [0], indirect=True)
def test_the_database_is_restarted_while_devices_poll(deployed: Deployment) -> None:
    server, url = web(deployed)
    with running(server, deployed.process("worker", "--concurrency", "1"), deployed.process("scheduler")):
        wait_until_ready(url)
        fleet = Fleet(url, SECRET, 20, interval=0.5)
        with FleetThread(fleet) as devices:
            assert devices.wait_for(lambda fleet: fleet.summary().applied == 20, PATIENCE), fleet.problems()
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
                PATIENCE,
            )
            assert followed, fleet.problems()


@pytest.mark.parametrize("deployed", [0], indirect=True)
def test_a_person_does_not_notice_that_the_database_closed_the_connections(deployed: Deployment) -> None:
    server, url = web(deployed)
    with running(server):
        wait_until_ready(url)
        for _ in range(5):
            for _ in range(8):  # each thread of the server has its own connection
                assert _come_with_a_wrong_token(url) == 401
            deployed.execute(f"SELECT pg_terminate_backend(pid) {OTHERS}")
            wait_until(lambda: deployed.query(f"SELECT count(*) {OTHERS}") == (0,), "that the connections are closed")
            assert _come_with_a_wrong_token(url) == 401


def _come_with_a_wrong_token(url: str) -> int:
    """Ask for something for which the controller has to ask its database; return the status of the answer."""
    try:
        request = Request(f"{url}/api/v1/controller/device/", headers={"Authorization": "Bearer nonsense"})
        return int(urlopen(request, timeout=PATIENCE).status)
    except HTTPError as error:
        return error.code


def _ready(url: str) -> bool:
    return status_of(f"{url}/readyz") == 200
