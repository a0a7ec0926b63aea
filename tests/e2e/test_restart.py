"""Restarting ``web`` under load: no request is lost."""

from __future__ import annotations

import http.client
import itertools
import os
import signal
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest

from .deployment import Deployment, Services
from .processes import CLI, PATIENCE, wait_until

pytestmark = pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs PostgreSQL and Redis")
DEVICES = 12
CLIENTS = 8
#: Starts a process as systemd does: with the socket as descriptor 3.
START = 'exec env LISTEN_PID=$$ LISTEN_FDS=1 "$@" 3<&0 0</dev/null'


@pytest.fixture
def deployed(tmp_path: Path, services: Services) -> Iterator[Deployment]:
    with services.deployed(tmp_path, DEVICES) as deployment:
        yield deployment


class Web:
    """A ``web`` with two processes on a socket that outlives it, as with systemd."""

    def __init__(self, deployment: Deployment, listener: socket.socket) -> None:
        self.port = listener.getsockname()[1]
        self._deployment = deployment
        self._listener = listener
        self._process: subprocess.Popen[bytes] | None = None
        self.log = deployment.directory / "web.log"

    def start(self) -> None:
        command = ["sh", "-c", START, "sh", *CLI, "web", "--workers", "2", "--port", "1"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self._deployment.env, stdin=self._listener, stdout=log, stderr=log, start_new_session=True
            )

    def ask_to_stop(self) -> None:
        """Tell the first process alone, as ``KillMode=mixed`` does."""
        assert self._process is not None
        self._process.terminate()

    def workers(self) -> int:
        """How many processes have the socket, besides the first."""
        assert self._process is not None
        main = self._process.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        inode = os.fstat(self._listener.fileno()).st_ino
        return sum(f"socket:[{inode}]" in open_files(int(child)) for child in children)

    def stop(self) -> None:
        self.ask_to_stop()
        assert self._process is not None
        assert self._process.wait(PATIENCE) == 0, self.log.read_text()

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def open_files(pid: int) -> set[str]:
    found = set()
    with suppress(FileNotFoundError):  # the process ended
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                found.add(os.readlink(file))
    return found


@pytest.fixture
def web(deployed: Deployment) -> Iterator[Web]:
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        result = Web(deployed, listener)
        result.start()
        try:
            yield result
        finally:
            result.kill()


def request(port: int, method: str, path: str, **form: str) -> str:
    """Send one request on a connection of its own; return the status, or what went wrong."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    headers = {"Connection": "close", "Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request(method, path, urlencode(form) if form else None, headers)
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()


class Load:
    """Clients that send one request after the other, until the end of the block."""

    def __init__(self, port: int, devices: list[tuple[str, str]]) -> None:
        self._port = port
        self._devices = devices
        self._ended = threading.Event()
        self._begun: list[int] = []
        self.results: list[str] = []

    def __enter__(self) -> Load:
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        for turn in itertools.count(number):
            if self._ended.is_set():
                return
            self._begun.append(turn)
            device, key = self._devices[turn % len(self._devices)]
            if turn % 3:
                result = request(self._port, "GET", f"/controller/checksum/{device}/?key={key}")
            else:
                result = request(self._port, "POST", f"/controller/report-status/{device}/", key=key, status="applied")
            self.results.append(result)

    def all_wait(self) -> bool:
        """Whether every client has sent a request that is not answered yet."""
        return len(self._begun) == len(self.results) + CLIENTS

    def wait_for_more(self, number: int) -> None:
        """Wait until so many more requests were answered."""
        wanted = len(self.results) + number
        wait_until(lambda: len(self.results) >= wanted, f"{number} more answers")


def keys(deployed: Deployment) -> list[tuple[str, str]]:
    with psycopg.connect(deployed.env["DATABASE_URL"]) as connection:
        return [(device.hex, key) for device, key in connection.execute("SELECT id, key FROM config_device")]


def test_restarts_on_a_socket_that_stays(deployed: Deployment, web: Web) -> None:
    with Load(web.port, keys(deployed)) as load:
        load.wait_for_more(100)
        for _ in range(3):
            web.stop()
            wait_until(load.all_wait, "that all clients wait while nobody serves")
            web.start()
            load.wait_for_more(100)
    assert Counter(load.results).keys() == {"200"}, Counter(load.results)


def test_what_is_under_way_is_answered(deployed: Deployment, web: Web) -> None:
    device, key = keys(deployed)[0]
    path = f"/controller/report-status/{device}/"
    with ThreadPoolExecutor(1) as pool, deployed.held("UPDATE", "config_config", "NEW.status = 'error'") as wait:
        answer = pool.submit(request, web.port, "POST", path, key=key, status="error")
        wait()
        web.ask_to_stop()
        wait_until(lambda: web.workers() == 0, "that no process takes connections any more")
    assert answer.result() == "200"
    web.stop()
    assert deployed.query("SELECT count(*) FROM config_config WHERE status = 'error'") == (1,)


def test_one_that_is_still_starting_can_be_stopped(deployed: Deployment, web: Web) -> None:
    """What it did not answer, the next one does."""
    device, key = keys(deployed)[0]
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(request, web.port, "GET", f"/controller/checksum/{device}/?key={key}")
        wait_until(lambda: web.workers() == 2, "that its processes are started")
        web.stop()
        web.start()
        assert answer.result() == "200"


def test_two_sockets_are_refused(deployed: Deployment) -> None:
    command = ["sh", "-c", START.replace("LISTEN_FDS=1", "LISTEN_FDS=2"), "sh", *CLI, "web"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        result = subprocess.run(
            command, env=deployed.env, stdin=listener, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    assert result.returncode == 2
    assert "2 sockets were passed" in result.stderr
