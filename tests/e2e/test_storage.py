"""The embedded database on a disk that is really full, and really locked by somebody else: 503, nothing half-saved."""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from ..databases import Migrated
from ..services import free_port
from .processes import PATIENCE, Process, environment, prepare, run, running, status_of, wait_until

pytestmark = pytest.mark.skipif("DATABASE_URL" in os.environ, reason="has databases of its own: runs once, with SQLite")
SECRET = "e2e-shared-secret"
BACKEND = "netjsonconfig.OpenWrt"
DISK = "32m"
PASSWORD = "only-for-tests"
ADMINISTRATOR = f"""
from django.contrib.auth import get_user_model
get_user_model().objects.create_superuser(username="admin", email="admin@example.org", password="{PASSWORD}")
"""
#: Devices whose enrolment left something out.
HALF_SAVED = """
SELECT count(*) FROM config_device AS device
LEFT JOIN config_config AS config ON config.device_id = device.id
LEFT JOIN config_revision AS revision ON revision.id = config.released_id
LEFT JOIN config_config_templates AS link ON link.config_id = config.id
WHERE revision.id IS NULL OR link.id IS NULL
"""


def opened(opener: urllib.request.OpenerDirector, url: str, body: bytes | None = None) -> Any:
    """Return the answer, whatever its status."""
    try:
        return opener.open(url, body, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        return error


@dataclass
class Controller:
    """An embedded server and what devices ask it."""

    url: str
    data: Path
    process: Process

    def register(self, number: int) -> tuple[int, str]:
        mac_address = f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"
        data = {
            "secret": SECRET, "name": f"router-{number}", "mac_address": mac_address, "backend": BACKEND,
            "key": f"{number:032d}",
        }  # fmt: skip
        return self.ask("register/", urlencode(data).encode())

    def ask(self, path: str, body: bytes | None = None) -> tuple[int, str]:
        """Return the status and the body, by ``latin-1`` so that archives survive it."""
        answer = opened(urllib.request.build_opener(), f"{self.url}/controller/{path}", body)
        assert answer.headers["X-Openwisp-Controller"] == "true"
        assert answer.status != 503 or answer.headers["Retry-After"] == "30"
        return answer.status, answer.read().decode("latin-1")

    def log_in(self) -> tuple[int, str]:
        """Log in as a person, for whom a session has to be stored; return the status and the text of the answer."""
        cookies = CookieJar()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
        url = f"{self.url}/admin/login/"
        assert opened(browser, url).status == 200
        token = next(cookie.value or "" for cookie in cookies if cookie.name == "csrftoken")
        form = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": token}
        answer = opened(browser, url, urlencode(form).encode())
        return answer.status, answer.read().decode()

    def query(self, statement: str) -> str:
        with closing(sqlite3.connect(self.data / "controller.sqlite3")) as connection:
            return str(connection.execute(statement).fetchone()[0])

    def check(self, enrolled: list[str]) -> None:
        """What was answered with 201 is there, complete and downloadable, and nothing else is."""
        assert self.query("SELECT count(*) FROM config_device") == str(len(enrolled))
        assert self.query(HALF_SAVED) == "0"
        assert self.query("PRAGMA integrity_check") == "ok"
        lines = dict(line.split(": ", 1) for line in enrolled[-1].splitlines() if ": " in line)
        device = f"{lines['uuid']}/?key={lines['key']}"
        (status, checksum), (_status, archive) = self.ask(f"checksum/{device}"), self.ask(f"download-config/{device}")
        assert (status, checksum) == (200, hashlib.md5(archive.encode("latin-1")).hexdigest())


@contextmanager
def controller(data: Path, log: Path, migrated: Migrated) -> Iterator[Controller]:
    """Start an embedded server on a directory, with a default template."""
    env, port = environment(OPENWISP_DATA_DIR=str(data)), free_port()
    migrated.copy_to(str(data))
    server = Process(("serve", "--port", str(port)), env, log)
    with running(server):
        wait_until(lambda: status_of(f"http://127.0.0.1:{port}/readyz") == 200, "readiness")
        assert run("manage", "shell", "-v0", "-c", prepare(SECRET) + ADMINISTRATOR, env=env).returncode == 0
        yield Controller(f"http://127.0.0.1:{port}", data, server)


@pytest.fixture
def small_disk(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A disk of its own, as large as the parameter says, which other users of the system reach."""
    path = Path(tempfile.mkdtemp(prefix="openwisp-disk-"))
    path.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={getattr(request, 'param', DISK)}", "tmpfs", str(path)]
    result = subprocess.run(mount, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        path.rmdir()
        pytest.skip(f"mounting a small disk is not permitted here: {result.stderr.strip()}")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)
    path.rmdir()


def fill(path: Path) -> None:
    """Write until the disk is full to the last byte."""
    with path.open("wb", buffering=0) as ballast:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while ballast.write(b"x" * size) == size:
                    pass
            except OSError:
                continue


def test_full_disk(small_disk: Path, tmp_path: Path, migrated: Migrated) -> None:
    with controller(small_disk, tmp_path / "log", migrated) as server:
        enrolled = [body for status, body in (server.register(n) for n in range(3)) if status == 201]
        assert len(enrolled) == 3
        # what background work stores when it runs for the first time has its place already
        wait_until(
            lambda: server.query("SELECT count(*) FROM config_controllerstate") != "0", "the first background work"
        )
        fill(small_disk / "ballast")
        answers = [server.register(number) for number in range(3, 63)]
        enrolled += [body for status, body in answers if status == 201]
        assert set(Counter(status for status, _ in answers)) <= {201, 503}
        assert [status for status, _ in answers[-10:]] == [503] * 10
        assert answers[-1][1] == "error: temporarily unavailable, please try again later\n"
        assert "disk is full" in server.process.output
        # work in the background may meet the full disk, and fails loudly until it has place
        assert not re.search(r"(django|device_api)\S*: [^\n]*\nTraceback", server.process.output)
        # sessions are small, so some still fit where no enrolment does
        logins = [server.log_in()]
        while logins[-1][0] == 200 and len(logins) < 30:
            logins.append(server.log_in())
        assert logins[-1][0] == 503
        assert "The database is not available right now" in logins[-1][1]
        (small_disk / "ballast").unlink()
        status, body = server.register(1000)
        assert status == 201
        assert server.log_in()[0] == 200
        server.check([*enrolled, body])


def test_locked_database(tmp_path: Path, migrated: Migrated) -> None:
    with controller(tmp_path / "data", tmp_path / "log", migrated) as server:
        status, body = server.register(1)
        assert status == 201
        with closing(sqlite3.connect(server.data / "controller.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert server.register(2) == (503, "error: temporarily unavailable, please try again later\n")
            lines = dict(line.split(": ", 1) for line in body.splitlines() if ": " in line)
            known = server.ask(f"checksum/{lines['uuid']}/?key={lines['key']}")
            assert known[0] == 200, "reading waits for nobody"
            other.execute("ROLLBACK")
        assert "database is locked" in server.process.output
        status, second = server.register(2)
        assert status == 201
        server.check([body, second])
