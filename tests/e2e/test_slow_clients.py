"""Clients that send slowly, or half a request: hundreds of them leave everybody else served, in both modes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from openwisp_controller.fleet import Fleet, FleetThread

from ..databases import SECRETS, Migrated, copied, sibling
from ..services import free_port
from .processes import PATIENCE, Process, environment, prepare, run, running, status_of, wait_until

SECRET = "e2e-shared-secret"
CLIENTS = 300
HALF = b"POST /controller/register/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nsecret="
HALVES = [
    HALF,
    HALF.replace(b"/controller/register/", b"/admin/login/"),
    b"GET /controller/checksum/x HTTP/1.1\r\nHost: localh",
    b"",
]


@pytest.fixture
def server(tmp_path: Path, migrated: Migrated) -> Iterator[tuple[Process, int]]:
    """The web server of the mode that the suite runs in, with the usual numbers of processes and threads."""
    port = free_port()
    with ExitStack() as stack:
        if "DATABASE_URL" in os.environ:
            env = environment(
                DATABASE_URL=stack.enter_context(copied(migrated, f"slow_{os.getpid()}")),
                REDIS_URL=sibling(os.environ["REDIS_URL"], "9"), ALLOWED_HOSTS="127.0.0.1,localhost",
                LOG_LEVEL="WARNING", STATIC_ROOT=str(tmp_path / "s"), MEDIA_ROOT=str(tmp_path / "m"), **SECRETS,
            )  # fmt: skip
            command = "web"
        else:
            env = environment(OPENWISP_DATA_DIR=str(tmp_path / "data"))
            (tmp_path / "data").mkdir()
            migrated.copy_to(str(tmp_path / "data"))
            command = "serve"
        env["MAX_BODY_SECONDS"] = "3"
        assert run("manage", "shell", "-v0", "-c", prepare(SECRET), env=env).returncode == 0
        process = Process((command, "--port", str(port)), env, tmp_path / "server.log")
        with running(process):
            wait_until(lambda: status_of(f"http://127.0.0.1:{port}/readyz") == 200, "readiness")
            yield process, port


def started(port: int, request: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    client.sendall(request)
    return client


def answer(client: socket.socket) -> bytes:
    """Return all that a client gets until its connection is closed."""
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_half_requests(server: tuple[Process, int]) -> None:
    process, port = server
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        clients = [
            stack.enter_context(closing(started(port, HALVES[number % len(HALVES)]))) for number in range(CLIENTS)
        ]
        fleet = Fleet(url, SECRET, 20, interval=0.5)
        with FleetThread(fleet) as devices:
            applied = lambda fleet: fleet.summary().applied == 20  # noqa: E731
            assert devices.wait_for(applied, PATIENCE), fleet.problems()
        assert status_of(f"{url}/healthz") == 200
        assert not fleet.violations
        # those that sent headers are told in the end, and never taken for complete
        for client, half in zip(clients[:8], HALVES * 2, strict=True):
            if b"Content-Length" in half:
                got = answer(client)
                assert got.startswith(b"HTTP/1.1 408"), got
                assert (b"x-openwisp-controller: true" in got) == (b"/controller/" in half)
    wait_until(lambda: status_of(f"{url}/healthz") == 200, "an answer")
    assert process.running
    assert "Traceback" not in process.output


def test_too_much(server: tuple[Process, int]) -> None:
    """Refused by what is announced, before anything of it is read."""
    _process, port = server
    with closing(started(port, HALF.replace(b": 100", b": 99999999999"))) as client:
        assert answer(client).startswith(b"HTTP/1.1 413")
    chunked = HALF.replace(b"Content-Length: 100", b"Transfer-Encoding: chunked")
    with closing(started(port, chunked)) as client:
        assert answer(client).startswith(b"HTTP/1.1 411")
