"""``check --deploy``, as whoever deploys sees it."""

from __future__ import annotations

import os
import shutil
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ..databases import Migrated
from ..services import free_port
from .deployment import Deployment, Services
from .processes import environment, run, running, wait_until

on_postgresql = pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs PostgreSQL and Redis")
on_sqlite = pytest.mark.skipif("DATABASE_URL" in os.environ, reason="has databases of its own: runs once, with SQLite")
#: What makes a deployment out of the settings of tests.
SOUND = {
    "DJANGO_SETTINGS_MODULE": "openwisp_controller.server.settings",
    "SECRET_KEY": "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQ",
    "HSTS_SECONDS": "31536000",
    "TRUST_X_FORWARDED_PROTO": "true",
    "TRUSTED_PROXIES": "1",
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "EMAIL_HOST": "127.0.0.1",
    "DEFAULT_FROM_EMAIL": "controller@example.org",
    "STATIC_ROOT": "",
    "PREPARED_STATEMENTS": "true",
}
PGBOUNCER = shutil.which("pgbouncer")


class MailServer(socketserver.StreamRequestHandler):
    """Greets, and finds everything well."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while self.rfile.readline():
            self.wfile.write(b"250 well\r\n")


@pytest.fixture
def mail_port() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailServer) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def deployed(tmp_path: Path, services: Services, mail_port: int) -> Iterator[Deployment]:
    with services.deployed(tmp_path, 12, EMAIL_PORT=str(mail_port)) as deployment:
        deployment.env.update(SOUND)
        yield deployment


def problems(env: dict[str, str]) -> dict[str, list[str]]:
    """What ``check --deploy`` finds, by name."""
    result = run("check", "--deploy", env=env)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    found: dict[str, list[str]] = {}
    for line in result.stdout.splitlines():
        mark, (name, _, problem) = line[:8].strip(), line[8:].partition(": ")
        if mark in ("MISSING", "WARNING"):
            found.setdefault(name, []).append(problem)
    return found


@on_postgresql
def test_a_deployment(deployed: Deployment) -> None:
    """The way of an installation: each problem is named until it is mended, then nothing is left."""
    found = problems(deployed.env)
    assert found == {
        "periodic work": [
            "the periodic work was never begun: start `scheduler` and `worker`, or `serve`, and look at what they log"
        ]
    }
    with running(deployed.process("worker", "--concurrency", "1"), deployed.process("scheduler")):
        wait_until(lambda: run("check", "--deploy", env=deployed.env).returncode == 0, "that all is well")
    deployed.execute(
        "UPDATE config_controllerstate SET value = (now() - interval '1 day')::text WHERE name = 'reconciled'"
    )
    (late,) = problems(deployed.env)["periodic work"]
    assert "the periodic work was last begun 1440 minutes ago" in late
    deployed.execute("UPDATE config_device SET last_ip = '10.0.0.1'")
    (shared,) = problems(deployed.env)["addresses of devices"]
    assert shared.startswith("12 of 12 active devices come from one private address, 10.0.0.1")
    plain_check = run("check", env=deployed.env)
    assert "WARNING addresses of devices: 12 of 12" in plain_check.stdout
    assert plain_check.returncode == 0, "without --deploy a warning is none"
    assert "periodic work" not in plain_check.stdout


@on_postgresql
def test_everything_that_is_wrong_is_listed_at_once(deployed: Deployment, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    wrong = {
        "DEBUG": "true",
        "ALLOWED_HOSTS": "*",
        "SECRET_KEY": "CHANGE-ME" * 4,
        "ENCRYPTION_KEYS": "CHANGE-ME" * 4,
        "SECURE_COOKIES": "false",
        "HSTS_SECONDS": "0",
        "TRUST_X_FORWARDED_PROTO": "false",
        "TRUSTED_PROXIES": "12",
        "EMAIL_PORT": str(free_port()),
        "DEFAULT_FROM_EMAIL": "controller@localhost",
        "STATIC_ROOT": str(tmp_path / "empty"),
        "MEDIA_ROOT": "",
    }
    found = problems({**deployed.env, **wrong})
    mends = {
        "security": ["HSTS_SECONDS=31536000", "50 or more random", "SECURE_COOKIES=true", "DEBUG=false"],
        "hosts": ["ALLOWED_HOSTS is *"],
        "keys": ["SECRET_KEY is that of the example", "ENCRYPTION_KEYS is that of", "SECRET_KEY is one of ENCRYPTION"],
        "https": ["set TRUST_X_FORWARDED_PROTO=true"],
        "proxies": ["TRUSTED_PROXIES is 12"],
        "e-mail": ["set EMAIL_HOST, EMAIL_PORT", "set DEFAULT_FROM_EMAIL"],
        "files": ["manage collectstatic", "MEDIA_ROOT is not set"],
        "periodic work": ["never begun"],
    }
    assert found.keys() == mends.keys()
    for name, texts in mends.items():
        assert len(found[name]) == len(texts), found[name]
        for text in texts:
            assert any(text in problem for problem in found[name]), (text, found[name])


@on_postgresql
@pytest.mark.parametrize(
    ("wrong", "name", "mend"),
    [
        ({"TRUSTED_PROXIES": "0"}, "proxies", "set it to the number of proxies"),
        ({"EMAIL_BACKEND": ""}, "e-mail", "set EMAIL_BACKEND=django.core.mail.backends.smtp.EmailBackend"),
        ({"ALLOWED_HOSTS": ""}, "settings", "ALLOWED_HOSTS is not set"),
    ],
)
def test_one_thing_is_wrong(deployed: Deployment, wrong: dict[str, str], name: str, mend: str) -> None:
    assert mend in problems({**deployed.env, **wrong})[name][0]


@on_sqlite
def test_the_embedded_server(tmp_path: Path, migrated: Migrated) -> None:
    env = environment(OPENWISP_DATA_DIR=str(tmp_path / "data"))
    migrated.copy_to(env["OPENWISP_DATA_DIR"])
    assert run("check", env=env).returncode == 0
    found = problems(env)
    assert found.keys() == {"security", "hosts", "https", "e-mail", "periodic work"}


@contextmanager
def pool(url: str, directory: Path, mode: str) -> Iterator[str]:
    """PgBouncer in front of a database; yields its address."""
    parts, port = urlsplit(url), free_port()
    name = parts.path.lstrip("/")
    configuration = directory / "pgbouncer.ini"
    directory.chmod(0o755)
    configuration.write_text(
        f"[databases]\n{name} = host={parts.hostname} port={parts.port} user={parts.username} dbname={name}"
        f" {f'password={parts.password}' if parts.password else ''}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = {mode}\n"
        "unix_socket_dir =\nignore_startup_parameters = extra_float_digits,options\n"
    )
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with subprocess.Popen([str(PGBOUNCER), "-q", *user, str(configuration)], stderr=subprocess.DEVNULL) as process:
        try:
            yield parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}").geturl()
        finally:
            process.terminate()


@on_postgresql
@pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_pool(deployed: Deployment, tmp_path: Path, mode: str) -> None:
    with pool(deployed.env["DATABASE_URL"], tmp_path, mode) as url:
        env = {**deployed.env, "DATABASE_URL": url}
        without = {**env, "PREPARED_STATEMENTS": "false"}
        wait_until(lambda: "ok      database" in run("check", env=without).stdout, "that the pool answers")
        assert ("prepared statements" in problems(env)) == (mode == "transaction")
        assert problems(without).keys() == {"periodic work"}
