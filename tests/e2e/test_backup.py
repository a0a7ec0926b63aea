"""Backups by the commands of the documentation, as they stand there: devices notice nothing of a restored server."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from openwisp_controller.fleet import Fleet, FleetThread
from openwisp_controller.fleet.events import Endpoint

from ..databases import DATABASE_FILE, SECRETS, Migrated, copied, execute, sibling
from ..services import free_port
from .processes import CLI, EDIT_TEMPLATE, PATIENCE, Process, environment, prepare, run, running, status_of, wait_until

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/back-up.md"
DEVICES = 10
SECRET = "backup-shared-secret"
PASSWORD = "backup-password"
CREDENTIALS = f"""
from openwisp_controller.connection.models import Credentials
Credentials.objects.create(
    name="all", connector="openwisp_controller.connection.connectors.ssh.Ssh",
    params={{"username": "root", "password": "{PASSWORD}"}},
)
"""
FACTS = """
import json
from openwisp_controller.config.models import Config, Device, Revision
from openwisp_controller.connection.models import Credentials
from openwisp_controller.common.encryption import readable
print("facts", json.dumps({
    "devices": sorted(map(str, Device.objects.values_list("pk", flat=True))),
    "revisions": sorted(map(str, Revision.objects.values_list("pk", flat=True))),
    "applied": dict(Config.objects.filter(status="applied").values_list("device__name", "applied__checksum")),
    "password": readable(Credentials.objects.get().params)["password"],
}))
"""
QUIET = (Endpoint.REGISTER, Endpoint.DOWNLOAD, Endpoint.REPORT_STATUS)
on_sqlite = pytest.mark.skipif("DATABASE_URL" in os.environ, reason="has databases of its own: runs once, with SQLite")
on_postgresql = pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs PostgreSQL and Redis")


def documented(mode: str, task: str, root: Path) -> str:
    """The commands of the documentation for a task in a mode, with /etc and /var below ``root``."""
    part = PAGE.read_text().partition(f"\n## {mode}\n")[2].partition(f"\n### {task}\n")[2]
    found = re.search(r"^```sh\n(.*?)^```$", part.partition("\n## ")[0], re.DOTALL | re.MULTILINE)
    assert found, f"{PAGE} has no commands to {task} ({mode})"
    return re.sub(r"(?<![\w/])/(etc|var)/", rf"{root}/\1/", found[1])


def follow(mode: str, task: str, root: Path, env: dict[str, str]) -> str:
    """Run what the documentation says; return what it prints."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-c", documented(mode, task, root)],
        env={**env, "PATH": path}, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def shell(code: str, env: dict[str, str]) -> str:
    result = run("manage", "shell", "-v0", "-c", code, env=env)
    assert result.returncode == 0, result.stderr
    return result.stdout


def facts(env: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shell(FACTS, env).partition("facts ")[2])
    return found


def carry_over(old: Path, new: Path) -> None:
    """Bring what was saved to the new server, under the names in the documentation."""
    (new / "var/backups").mkdir(parents=True)
    (new / "var/lib").mkdir()
    for path in (old / "var/backups").iterdir():
        path.rename(new / "var/backups" / re.sub(r"\d{4}-\d\d-\d\d", "2026-07-28", path.name))


def requests(fleet: Fleet, *endpoints: Endpoint) -> list[int]:
    found = fleet.summary().endpoints
    return [found[endpoint].count if endpoint in found else 0 for endpoint in endpoints]


def all_applied(fleet: Fleet) -> bool:
    return fleet.summary().applied == DEVICES == len(fleet.checksums())


@contextmanager
def served(url: str, *processes: Process) -> Iterator[None]:
    with running(*processes):
        wait_until(lambda: status_of(f"{url}/readyz") == 200, "readiness")
        yield


def known(env: dict[str, str], fleet: Fleet) -> dict[str, Any]:
    """Wait until the controller knows of all that devices have applied; return what it knows."""
    found: dict[str, Any] = {}

    def all_reported() -> bool:
        found.update(facts(env))
        return bool(found["applied"] == fleet.checksums())

    wait_until(all_reported, "the last report")
    return found


def check_that_nobody_notices(
    fleet: FleetThread, before: dict[str, Any], env: dict[str, str], quiet: list[int]
) -> None:
    """All devices poll, and nothing else happens until a template is edited."""
    devices = fleet.fleet
    (polls,) = requests(devices, Endpoint.CHECKSUM)
    assert fleet.wait_for(lambda fleet: requests(fleet, Endpoint.CHECKSUM)[0] > polls + 3 * DEVICES, PATIENCE)
    assert requests(devices, *QUIET) == quiet
    assert facts(env) == before
    assert before["password"] == PASSWORD
    checksums = devices.checksums()
    shell(EDIT_TEMPLATE, env)
    assert fleet.wait_for(
        lambda fleet: all_applied(fleet) and not set(fleet.checksums().values()) & set(checksums.values()), PATIENCE
    ), devices.problems()
    assert requests(devices, Endpoint.REGISTER) == quiet[:1]
    assert devices.violations == []


@on_sqlite
def test_devices_notice_nothing_of_a_restored_embedded_server(tmp_path: Path, migrated: Migrated) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "var/backups").mkdir(parents=True)
    (old / "var/lib").mkdir()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    envs = [environment(OPENWISP_DATA_DIR=str(root / "var/lib/controller")) for root in (old, new)]
    migrated.copy_to(envs[0]["OPENWISP_DATA_DIR"])
    shell(prepare(SECRET) + CREDENTIALS, envs[0])
    server = Process(("serve", "--port", str(port)), envs[0], tmp_path / "old.log")
    with FleetThread(Fleet(url, SECRET, DEVICES, interval=0.5)) as fleet:
        with served(url, server):
            assert fleet.wait_for(all_applied, PATIENCE), fleet.fleet.problems()
            before = known(envs[0], fleet.fleet)
            quiet = requests(fleet.fleet, *QUIET)
            follow("Embedded", "Back up", old, environment())
        carry_over(old, new)
        shutil.rmtree(old)
        follow("Embedded", "Restore on a new server", new, environment())
        with served(url, Process(server.arguments, envs[1], tmp_path / "new.log")):
            check_that_nobody_notices(fleet, before, envs[1], quiet)
    for path in (new / "var/lib/controller").iterdir():
        assert path.is_dir() or path.stat().st_mode & 0o777 == 0o600


def production(root: Path, database: str) -> dict[str, str]:
    """The variables of a deployment, also in its file."""
    (root / "etc").mkdir(parents=True)
    (root / "var/backups").mkdir(parents=True, exist_ok=True)
    values = {
        "DATABASE_URL": database,
        "REDIS_URL": sibling(os.environ["REDIS_URL"], "8"),
        "ALLOWED_HOSTS": "127.0.0.1",
        "RECONCILE_INTERVAL": "3",
        "LOG_LEVEL": "WARNING",
        **SECRETS,
    }
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in values.items()]
    (root / "etc/openwisp-controller.env").write_text("".join(lines))
    return environment(**values)


@contextmanager
def empty_database() -> Iterator[str]:
    """A database of somebody who may do nothing else; yields its URL."""
    server, name = os.environ["DATABASE_URL"], f"restored_{os.getpid()}"
    execute(server, f"CREATE ROLE {name} LOGIN", f"CREATE DATABASE {name} OWNER {name}")
    parts = urlsplit(sibling(server, name))
    try:
        yield urlunsplit(parts._replace(netloc=f"{name}@{parts.hostname}:{parts.port}"))
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {name}")


def deployed(port: int, env: dict[str, str], logs: Path) -> list[Process]:
    logs.mkdir()
    commands = [("web", "--port", str(port), "--workers", "1"), ("worker", "--concurrency", "1"), ("scheduler",)]
    return [Process(command, env, logs / f"{command[0]}.log") for command in commands]


@on_postgresql
def test_devices_notice_nothing_of_a_restored_deployment(tmp_path: Path, migrated: Migrated) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with empty_database() as restored, FleetThread(Fleet(url, SECRET, DEVICES, interval=0.5)) as fleet:
        with copied(migrated, f"saved_{os.getpid()}") as database:
            env = production(old, database)
            shell(prepare(SECRET) + CREDENTIALS, env)
            with served(url, *deployed(port, env, tmp_path / "old-logs")):
                assert fleet.wait_for(all_applied, PATIENCE), fleet.fleet.problems()
                before = known(env, fleet.fleet)
                quiet = requests(fleet.fleet, *QUIET)
                tables = follow("Production", "Back up", old, environment())
                assert int(tables) > 50
        assert {path.stat().st_mode & 0o777 for path in (old / "var/backups").iterdir()} == {0o600}
        carry_over(old, new)
        env = production(new, restored)
        follow("Production", "Restore on a new server", new, environment())
        with served(url, *deployed(port, env, tmp_path / "new-logs")):
            check_that_nobody_notices(fleet, before, env, quiet)


@pytest.fixture
def deployment(tmp_path: Path, migrated: Migrated) -> Iterator[dict[str, str]]:
    """The environment of a deployment with a secret."""
    with copied(migrated, f"keys_{os.getpid()}") as database:
        env = production(tmp_path, database)
        shell(CREDENTIALS, env)
        yield env


@on_postgresql
def test_wrong_keys_of_a_deployment_are_told(deployment: dict[str, str], tmp_path: Path) -> None:
    env = deployment
    wrong = {**env, "ENCRYPTION_KEYS": "another-key-of-more-than-thirty-two-characters"}
    checked = run("check", env=wrong)
    assert checked.returncode == 1
    assert re.search(r"MISSING encryption keys: \d+ secrets in the database cannot be read", checked.stdout)
    worker = Process(("worker", "--concurrency", "1"), wrong, tmp_path / "wrong.log")
    with running(worker):
        wait_until(lambda: "secrets in the database cannot be read" in worker.output, "the warning")
    both = {**env, "ENCRYPTION_KEYS": f"{wrong['ENCRYPTION_KEYS']},{SECRETS['ENCRYPTION_KEYS']}"}
    assert run("check", env=both).returncode == 0


@pytest.fixture
def embedded(tmp_path: Path, migrated: Migrated) -> dict[str, str]:
    """The environment of an embedded server with a secret."""
    env = environment(OPENWISP_DATA_DIR=str(tmp_path / "data"))
    migrated.copy_to(env["OPENWISP_DATA_DIR"])
    shell(CREDENTIALS, env)
    return env


def refused(*arguments: str, env: dict[str, str]) -> str:
    """Run a command that must fail with one clear message; return that."""
    result = run(*arguments, env=env)
    assert result.returncode in (1, 2), result.stdout
    assert "Traceback" not in result.stderr
    return result.stderr


@on_sqlite
def test_keys_that_are_missing_or_wrong_are_told(embedded: dict[str, str], tmp_path: Path) -> None:
    keys = tmp_path / "data/encryption-keys"
    former = keys.read_text()
    keys.unlink()
    for arguments in (("serve",), ("manage", "migrate")):
        assert "encryption-keys is missing" in refused(*arguments, env=embedded)
    checked = run("check", env=embedded)
    assert checked.returncode == 1
    assert "MISSING settings" in checked.stdout
    assert "encryption-keys is missing" in checked.stdout
    assert not keys.exists()
    saved = run("backup", str(tmp_path / "keyless"), env=embedded)
    assert "There is no encryption-keys in the data directory" in saved.stdout

    keys.write_text("another-key-of-more-than-thirty-two-characters\n")
    keys.chmod(0o600)
    checked = run("check", env=embedded)
    assert checked.returncode == 1
    assert "MISSING encryption keys: 1 secrets in the database cannot be read" in checked.stdout
    port = free_port()
    server = Process(("serve", "--port", str(port)), embedded, tmp_path / "log")
    with served(f"http://127.0.0.1:{port}", server):
        assert "1 secrets in the database cannot be read" in server.output
    keys.write_text(f"{keys.read_text()}{former}\n")
    assert run("check", env=embedded).returncode == 0


@on_sqlite
def test_what_cannot_be_saved_or_restored_is_told(embedded: dict[str, str], tmp_path: Path) -> None:
    backup, target = tmp_path / "backup", str(tmp_path / "target")
    assert run("backup", str(backup), env={**embedded, "SECRET_KEY": "x"}).stdout.splitlines()[1:] == [
        "SECRET_KEY stands in the environment and is not part of the backup: keep a copy of it."
    ]
    assert f"{backup} is there already" in refused("backup", str(backup), env=embedded)
    assert "No such file or directory" in refused("backup", str(tmp_path / "no/where"), env=embedded)
    assert "there is no database" in refused("backup", target, "--data-dir", str(tmp_path / "x"), env=embedded)
    assert "use `pg_dump`" in refused("backup", target, env={**embedded, "DATABASE_URL": "postgresql://x/y"})
    assert "is not empty" in refused("restore", str(backup), env=embedded)

    def refused_restore(source: Path) -> str:
        message = refused("restore", str(source), "--data-dir", target, env=embedded)
        assert not Path(target).exists() or not list(Path(target).iterdir())
        return message

    assert "is no backup" in refused_restore(tmp_path / "data")
    spoilt = tmp_path / "spoilt"
    shutil.copytree(backup, spoilt)
    (spoilt / "encryption-keys").unlink()
    assert "is not complete: it has no encryption-keys" in refused_restore(spoilt)
    (spoilt / "encryption-keys").write_text("x")
    assert "is damaged: encryption-keys is not what it was" in refused_restore(spoilt)
    manifest = json.loads((spoilt / "backup.json").read_text())
    (spoilt / "backup.json").write_text(json.dumps({**manifest, "format": 2}))
    assert "was made by a newer version" in refused_restore(spoilt)
    (spoilt / "backup.json").write_text("{")
    assert "makes no sense" in refused_restore(spoilt)
    damage(tmp_path / "data" / DATABASE_FILE)
    refused("backup", target, env=embedded)
    assert not Path(target).exists()
    assert not list(tmp_path.glob(".target-*"))


def damage(database: Path) -> None:
    """Overwrite pages in the middle of a database."""
    with database.open("r+b") as file:
        file.seek(database.stat().st_size // 2 & ~4095)
        file.write(b"\xff" * 8192)


@on_sqlite
def test_a_database_of_a_newer_version_is_refused(embedded: dict[str, str], tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "data" / DATABASE_FILE) as database:
        database.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('config', '9999_later', '2030-01-01')"
        )
    assert run("backup", str(tmp_path / "backup"), env=embedded).returncode == 0
    newer = "used by a newer version of the controller (config.9999_later)"
    assert newer in refused("serve", env=embedded)
    assert newer in run("check", env=embedded).stdout
    target = tmp_path / "target"
    assert newer in refused("restore", str(tmp_path / "backup"), "--data-dir", str(target), env=embedded)
    assert list(target.iterdir()) == []


@on_sqlite
def test_a_backup_that_does_not_fit_leaves_nothing(embedded: dict[str, str], tmp_path: Path) -> None:
    backup, target = tmp_path / "backup", tmp_path / "target"
    assert run("backup", str(backup), env=embedded).returncode == 0
    for arguments in (("backup", str(target)), ("restore", str(backup), "--data-dir", str(target))):
        result = subprocess.run(
            ["bash", "-c", 'ulimit -f 1000; exec "$@"', "bash", *CLI, *arguments],  # a megabyte
            env=embedded, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert result.returncode == 1
        assert result.stderr.startswith("openwisp-controller: the backup cannot be ")
        assert "Traceback" not in result.stderr
        assert not target.exists() or not list(target.iterdir())
    assert not list(tmp_path.glob(".target-*"))
