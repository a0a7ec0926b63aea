"""The demo as people use it: in a terminal, interrupted at any moment, more than one at a time."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openwisp_controller.server import demo_server

from ..services import PATIENCE, free_port
from .processes import CLI, environment, run, status_of

pytestmark = pytest.mark.once
CTRL_C = b"\x03"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment in which nobody else looks for temporary files."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return environment(TMPDIR=str(temporary))


class Terminal:
    """A demo in a terminal of its own; keeps what it shows."""

    def __init__(self, env: dict[str, str]) -> None:
        self.port = free_port()
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*CLI, "demo", "--devices", "1", "--port", str(self.port)], env=env, stdin=slave, stdout=slave,
            stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)
        self.shown = ""

    def read_until(self, text: str | None) -> None:
        """Read until the demo shows a text; None = until it ends."""
        deadline = time.monotonic() + PATIENCE
        while text is None or text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            if not select.select([self.master], [], [], 1)[0]:
                continue
            try:
                read = os.read(self.master, 65536)
            except OSError:  # nobody has the terminal open any more
                read = b""
            if not read:
                assert text is None, self.shown
                return
            self.shown += read.decode(errors="replace")

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)


@contextmanager
def demo(env: dict[str, str]) -> Iterator[Terminal]:
    terminal = Terminal(env)
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait(PATIENCE)
        os.close(terminal.master)


@pytest.mark.parametrize("presses", [1, 2])
@pytest.mark.parametrize("when", ["Preparing the database", "virtual routers enrol", "Ctrl-C ends the demo."])
def test_interrupted(env: dict[str, str], when: str, presses: int) -> None:
    with demo(env) as terminal:
        terminal.read_until(when)
        terminal.press(CTRL_C)
        if presses > 1:
            terminal.read_until("^C")
            terminal.press(CTRL_C)
        terminal.read_until(None)
        assert terminal.process.wait(PATIENCE) == 0, terminal.shown
    assert "Stopped." in terminal.shown
    assert "openwisp_controller/server/demo" not in terminal.shown, "no traceback of the demo itself"
    assert status_of(f"http://127.0.0.1:{terminal.port}/healthz") == 0, "its server ended, too"
    assert list(Path(env["TMPDIR"]).glob("openwisp-*")) == [], "what it made is gone"


LOCKED = """
import os, signal, subprocess, sys
from openwisp_controller.server.demo_server import Interruption, running_server

class Lock:
    "The lock of Popen.poll, with a signal at the worst moment: just taken."
    def __init__(self, lock):
        self.lock, self.signals = lock, 1
    def acquire(self, *args):
        taken = self.lock.acquire(*args)
        while self.signals:
            self.signals -= 1
            os.kill(os.getpid(), signal.SIGINT)
        return taken
    def release(self):
        self.lock.release()
    def __enter__(self):
        self.acquire()
    def __exit__(self, *args):
        self.release()

interruption = Interruption(lambda: os._exit(3))
interruption.install()
interruption.defer()
try:
    with running_server("127.0.0.1", int(sys.argv[1])) as server:
        server._waitpid_lock = Lock(server._waitpid_lock)
        while server.poll() is None:
            interruption.sleep(0.1)
except KeyboardInterrupt:
    print("stopped", server.returncode is not None)
"""


def test_interrupted_where_a_lock_is_taken(env: dict[str, str]) -> None:
    """A signal is no exception there: ``KeyboardInterrupt`` would leave the lock to nobody."""
    result = subprocess.run(
        [sys.executable, "-c", LOCKED, str(free_port())],
        env=env, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert result.stdout == "stopped True\n", result.stderr


def test_two_at_once(env: dict[str, str]) -> None:
    """Both want the same ports: one gets them, the other one takes others."""
    port = str(free_port())
    results = []

    def show() -> None:
        results.append(run("demo", "--once", "--devices", "2", "--port", port, env=env))

    threads = [threading.Thread(target=show) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.returncode for result in results] == [0, 0], [result.stdout + result.stderr for result in results]


def test_claims_of_ports() -> None:
    wanted = free_port()
    with (
        demo_server.claimed_port("127.77.0.1", wanted) as first,
        demo_server.claimed_port("127.77.0.1", wanted) as other,
    ):
        assert first == wanted != other
    with demo_server.claimed_port("127.77.0.1", wanted) as again:
        assert again == wanted
    with (
        pytest.raises(demo_server.Failed, match=r"cannot listen at 192\.0\.2\.1"),
        demo_server.claimed_port("192.0.2.1", 1),
    ):
        pass
