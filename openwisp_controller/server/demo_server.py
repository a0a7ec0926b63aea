"""The controller of the demo: a process of its own, at a free port."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

_READY_WITHIN = 120.0
"""Seconds."""


class Failed(Exception):
    """The demo did not go as it should; the text says why."""


def free_port(host: str, wanted: int) -> int:
    """Return a TCP port at which nobody listens: the wanted one, or any.

    Raises:
        Failed: ``host`` is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in (wanted, 0):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Failed(f"cannot listen at {host}")


@contextmanager
def running_server(host: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run an embedded controller as long as the context is open; yield its process."""
    command = [sys.executable, "-m", "openwisp_controller.server.cli", "serve", "--host", host, "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until a controller answers that it is ready.

    Raises:
        Failed: its process ended, or it took too long.
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
        time.sleep(0.2)
    raise Failed(f"the server was not ready within {_READY_WITHIN:.0f} seconds")
