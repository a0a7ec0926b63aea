"""Production: web, worker and scheduler processes on PostgreSQL and Redis, with a fleet of virtual devices."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from openwisp_controller.fleet import Fleet, FleetThread

from ..databases import SECRETS, Migrated, copied, sibling
from ..services import free_port
from .processes import EDIT_TEMPLATE, PATIENCE, Process, environment, prepare, run, running, status_of, wait_until

pytestmark = pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs PostgreSQL and Redis")
DEVICES = 30
SECRET = "e2e-shared-secret"
STATE = """
from openwisp_controller.config.models import Config
print("state", Config.objects.filter(status="applied").count(), Config.objects.filter(stale_since=None).count())
"""


@pytest.fixture
def env(tmp_path: Path, migrated: Migrated) -> Iterator[dict[str, str]]:
    """The environment of a deployment with a database of its own."""
    with copied(migrated, f"e2e_{os.getpid()}") as database:
        yield environment(
            DATABASE_URL=database,
            REDIS_URL=sibling(os.environ["REDIS_URL"], "7"),
            ALLOWED_HOSTS="127.0.0.1",
            RECONCILE_INTERVAL="3",
            LOG_LEVEL="WARNING",
            STATIC_ROOT=str(tmp_path / "static"),
            MEDIA_ROOT=str(tmp_path / "media"),
            **SECRETS,
        )


def shell(code: str, env: dict[str, str]) -> str:
    result = run("manage", "shell", "-v0", "-c", code, env=env)
    assert result.returncode == 0, result.stderr
    return result.stdout


def all_applied(fleet: Fleet) -> bool:
    return fleet.summary().applied == DEVICES == len(fleet.checksums())


def check_what_browsers_are_told(url: str) -> None:
    """Cookies go over HTTPS alone and to this site alone; pages are not shown in frames of others."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        (cookie,) = answer.headers.get_all("Set-Cookie")
        assert cookie.startswith("csrftoken=")
        assert "; Secure" in cookie
        assert "; SameSite=Lax" in cookie
        assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_devices_follow_a_template(env: dict[str, str], tmp_path: Path) -> None:
    shell(prepare(SECRET), env)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    web = Process(("web", "--port", str(port), "--workers", "2"), env, tmp_path / "web.log")
    worker = Process(("worker", "--concurrency", "1"), env, tmp_path / "worker.log")
    scheduler = Process(("scheduler",), env, tmp_path / "scheduler.log")
    with running(web, worker, scheduler):
        wait_until(lambda: status_of(f"{url}/readyz") == 200, "readiness")
        check_what_browsers_are_told(f"{url}/admin/login/")
        fleet = Fleet(url, SECRET, DEVICES, interval=1.0)
        with FleetThread(fleet) as devices:
            assert devices.wait_for(all_applied, PATIENCE), fleet.problems()
            before = fleet.checksums()

            def followed(fleet: Fleet) -> bool:
                now = fleet.checksums()
                return all_applied(fleet) and all(now[name] != before[name] for name in before)

            # the worker is away while the template is edited: the message waits, or the reconciler finds the mark
            worker.stop()
            shell(EDIT_TEMPLATE, env)
            worker.start()
            assert devices.wait_for(followed, PATIENCE), fleet.problems()
            assert not fleet.violations
        wait_until(lambda: f"state {DEVICES} {DEVICES}" in shell(STATE, env), "all devices applied in the database")
    for process in (web, worker, scheduler):
        assert SECRET not in process.output
        assert '"level": "info"' not in process.output, "LOG_LEVEL is WARNING"


def test_a_check_names_a_broker_that_is_away(env: dict[str, str], tmp_path: Path) -> None:
    result = run("check", env={**env, "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"})
    assert result.returncode == 1
    assert "MISSING broker" in result.stdout
    result = run("check", env={**env, "ALLOWED_HOSTS": ""})
    assert result.returncode == 1
    assert "MISSING settings: ALLOWED_HOSTS is not set" in result.stdout
    result = run("check", env={**env, "DATABASE_URL": env["DATABASE_URL"].replace("/e2e_", "/nothing_")})
    assert result.returncode == 1
    assert "MISSING database" in result.stdout
