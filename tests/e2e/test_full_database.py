"""PostgreSQL on a disk that is full in the middle of work: reading goes on, writing waits, nothing is lost."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..services import postgresql_service, redis_service
from .deployment import Deployment, Services, wait_until_ready, web
from .processes import running, wait_until
from .test_storage import Controller, fill
from .test_storage import small_disk as small_disk

pytestmark = pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs PostgreSQL and Redis")
BEFORE = 20
#: Devices whose enrolment left something out.
HALF_SAVED = """
SELECT count(*) FROM config_device AS device LEFT JOIN config_config AS config ON config.device_id = device.id
LEFT JOIN config_revision AS revision ON revision.id = config.released_id WHERE revision.id IS NULL
"""


@pytest.fixture
def deployed(small_disk: Path, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment whose database has a small disk of its own."""
    with (
        postgresql_service(disk=small_disk) as database,
        redis_service() as broker,
        Services(database, broker).deployed(tmp_path, 0) as result,
    ):
        yield result


def known(answer: str) -> str:
    """The path of a device, with its key, from the answer to its enrolment."""
    lines = dict(line.split(": ", 1) for line in answer.splitlines() if ": " in line)
    return f"{lines['uuid']}/?key={lines['key']}"


@pytest.mark.parametrize("small_disk", ["600m"], indirect=True)
def test_full_disk(deployed: Deployment, small_disk: Path) -> None:
    server, url = web(deployed)
    worker = deployed.process("worker", "--concurrency", "1")
    with running(server, worker, deployed.process("scheduler")):
        wait_until_ready(url)
        controller = Controller(url, small_disk, server)
        enrolled = [controller.register(number)[1] for number in range(BEFORE)]
        wait_until(lambda: deployed.query("SELECT count(*) FROM config_controllerstate")[0] > 0, "background work")
        worker.stop()
        deployed.edit_template("1")
        fill(small_disk / "ballast")
        numbers = iter(range(BEFORE, 10_000))
        answers = [controller.register(next(numbers))]
        while [status for status, _ in answers[-10:]] != [503] * 10:
            answers.append(controller.register(next(numbers)))
        assert set(Counter(status for status, _ in answers)) <= {201, 503}
        enrolled += [body for status, body in answers if status == 201]
        worker.start()
        for body in enrolled:
            assert controller.ask(f"checksum/{known(body)}")[0] == 200
            assert controller.ask(f"download-config/{known(body)}")[0] == 200
        wait_until(lambda: "No space left on device" in worker.output, "that background work meets the full disk")
        (small_disk / "ballast").unlink()
        state = deployed.wait_until_all_followed(len(enrolled))
        assert state.revisions == BEFORE, "who enrolled later got the edited template at once"
        assert controller.register(20_000)[0] == 201
        assert deployed.query("SELECT count(*) FROM config_device") == (len(enrolled) + 1,)
        assert deployed.query(HALF_SAVED) == (0,)
    assert "Traceback" not in server.output
