"""The controller of the demo: a process of its own, at a free port, and how the demo is interrupted."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_STOPPING = (signal.SIGINT, signal.SIGTERM)
_READY_WITHIN = 120.0
"""Seconds."""
_LOOK_EVERY = 0.1
"""Seconds after which a sleeping demo looks whether it was told to stop."""
_CLAIMS = "127.77.0.1"
"""Where demos claim ports: an address of the network of their devices."""
_TRIES = 20


class Failed(Exception):
    """The demo did not go as it should; the text says why."""


class Interruption:
    """Ctrl-C, or being told to stop politely.

    A terminal sends SIGINT to all of its processes, and people press Ctrl-C more than once. Raised wherever Python
    happens to be, ``KeyboardInterrupt`` can leave locks of the standard library taken, such as that of ``Popen.poll``,
    and the clean-up then waits for them forever; or it is lost, in a destructor. So it is raised only where the demo
    looks for it. As long as nothing was started that has to be stopped, the demo just leaves.

    Args:
        leave: ends the process at once.
    """

    def __init__(self, leave: Callable[[], NoReturn]) -> None:
        self.asked = False
        """Whether the demo was told to stop."""
        self._leave = leave
        self._deferred = False

    def install(self) -> None:
        """Listen to the signals that stop the demo."""
        for number in _STOPPING:
            signal.signal(number, self._receive)

    def defer(self) -> None:
        """From now on raise it in ``check``; to be called before processes and threads are started."""
        self._deferred = True

    def ignore(self) -> None:
        """From now on do nothing: the demo is about to end, also while Python shuts down."""
        for number in _STOPPING:
            signal.signal(number, signal.SIG_IGN)

    def check(self) -> None:
        """Raise ``KeyboardInterrupt`` if the demo was told to stop."""
        if self.asked:
            raise KeyboardInterrupt

    def sleep(self, seconds: float) -> None:
        """Sleep, but not on when the demo is told to stop; raises ``KeyboardInterrupt`` then."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, _LOOK_EVERY))
        self.check()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if not self._deferred:
            self._leave()
        self.asked = True


@contextmanager
def claimed_port(host: str, wanted: int) -> Iterator[int]:
    """Yield a TCP port at which nobody listens: the wanted one, or any. Other demos take others while this is open.

    It is bound by whoever is to listen there, later, so demos tell each other by UDP sockets of the same number.

    Raises:
        Failed: ``host`` is no address of this machine.
    """
    for candidate in (wanted, *[0] * _TRIES):
        port = _free_port(host, candidate)
        if port is None:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as claim:
            try:
                claim.bind((_CLAIMS, port))
            except OSError:
                continue
            yield port
            return
    raise Failed(f"cannot listen at {host}")


def _free_port(host: str, wanted: int) -> int | None:
    """Return a TCP port at which nobody listens, None if it cannot be had."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except OSError:
            return None
        return int(probe.getsockname()[1])


@contextmanager
def running_server(host: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run an embedded controller as long as the context is open; yield its process."""
    command = [sys.executable, "-m", "openwisp_controller.server.cli", "serve", "--host", host, "--port", str(port)]
    # until it listens to signals itself, what is meant for the demo leaves no traceback of the server
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=_ignore_interrupts)
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(15)


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def wait_until_ready(url: str, server: subprocess.Popen[bytes], interruption: Interruption) -> None:
    """Wait until a controller answers that it is ready.

    Raises:
        Failed: its process ended, or it took too long.
        KeyboardInterrupt: the demo was told to stop.
    """
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise Failed(f"the server ended with status {server.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        interruption.sleep(0.2)
    raise Failed(f"the server was not ready within {_READY_WITHIN:.0f} seconds")
