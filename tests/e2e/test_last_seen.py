"""When devices were last seen is kept across the end of the processes that saw them, embedded and in production."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openwisp_controller.fleet import Fleet, FleetThread

from ..databases import SECRETS, Migrated, copied, sibling
from ..services import free_port
from .processes import PATIENCE, Process, environment, prepare, run, running, status_of, wait_until

DEVICES = 5
SECRET = "e2e-shared-secret"
#: Nothing is stored while the server runs.
SETTINGS = """
from openwisp_controller.server.settings import *
OPENWISP_CONTROLLER_LAST_SEEN_INTERVAL = 10**6
"""
SEEN = """
from openwisp_controller.config.models import Sighting
print("seen", Sighting.objects.count())
"""


@contextmanager
def deployment(directory: Path, migrated: Migrated) -> Iterator[tuple[dict[str, str], str]]:
    """The environment of a deployment with a database of its own, and the command that serves devices."""
    (directory / "patient.py").write_text(SETTINGS)
    module = {"PYTHONPATH": str(directory), "DJANGO_SETTINGS_MODULE": "patient"}
    if "DATABASE_URL" not in os.environ:
        migrated.copy_to(str(directory / "data"))
        yield environment(OPENWISP_DATA_DIR=str(directory / "data"), **module), "serve"
        return
    with copied(migrated, f"e2e_seen_{os.getpid()}") as database:
        broker = sibling(os.environ["REDIS_URL"], "8")
        production = {"DATABASE_URL": database, "REDIS_URL": broker, "ALLOWED_HOSTS": "127.0.0.1", **SECRETS}
        directories = {f"{name}_ROOT": str(directory / name) for name in ("STATIC", "MEDIA")}
        yield environment(**production, **directories, **module), "web"


@pytest.fixture
def started(tmp_path: Path, migrated: Migrated) -> Iterator[tuple[dict[str, str], str]]:
    with deployment(tmp_path, migrated) as result:
        yield result


def test_a_server_that_is_told_to_stop_stores_whom_it_saw(started: tuple[dict[str, str], str], tmp_path: Path) -> None:
    env, command = started

    def shell(code: str) -> str:
        result = run("manage", "shell", "-v0", "-c", code, env=env)
        assert result.returncode == 0, result.stderr
        return result.stdout

    shell(prepare(SECRET))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = Process((command, "--port", str(port)), env, tmp_path / "log")
    with running(server):
        wait_until(lambda: status_of(f"{url}/healthz") == 200, "an answer")
        with FleetThread(Fleet(url, SECRET, DEVICES, interval=1.0)) as devices:
            assert devices.wait_for(lambda fleet: len(fleet.checksums()) == DEVICES, PATIENCE)
        assert "seen 0" in shell(SEEN)
    assert f"seen {DEVICES}" in shell(SEEN), server.output
