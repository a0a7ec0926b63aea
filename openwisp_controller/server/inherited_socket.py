"""A socket opened by whoever started this process, such as systemd: it stays open while the process is restarted.

What clients send meanwhile waits in its queue, so no request is refused; see ``sd_listen_fds(3)``. Before the processes
that serve it are told to end, they take no more connections: granian drops those on which nothing came yet.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from granian import Granian
from granian.net import SocketHolder  # type: ignore[attr-defined]

_PROCESS, _NUMBER = "LISTEN_PID", "LISTEN_FDS"
_FIRST = 3
"""The first file descriptor that is passed."""
_VARIABLE = "OPENWISP_HTTP_SOCKET"
"""By which the processes that serve HTTP hear of the socket."""
_STOP_ACCEPTING = signal.SIGUSR1
_PAUSE = 1.0
"""Seconds in which a request comes on a connection that was taken last."""


def inherited() -> int | None:
    """Return the file descriptor of the socket to serve, None when none was passed.

    Raises:
        ImproperlyConfigured: there is more than one.
    """
    if os.environ.get(_PROCESS) != str(os.getpid()):
        return None
    number = os.environ.pop(_NUMBER, "0")
    del os.environ[_PROCESS]
    if number == "0":
        return None
    if number != "1":
        raise ImproperlyConfigured(f"{number} sockets were passed: name a single ListenStream in the socket unit")
    return _FIRST


class ServerOfSocket(Granian):  # type: ignore[misc, valid-type]
    """Serves a socket that is open, with all worker processes: what waits in its queue is for any of them.

    Args:
        descriptor: of the socket.
    """

    def __init__(self, *args: Any, descriptor: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._descriptor = descriptor
        os.environ[_VARIABLE] = str(descriptor)

    def _init_shared_socket(self) -> None:
        self._ssp = self._sso = None
        self._shd = SocketHolder(self._descriptor, False, self.backlog)  # type: ignore[call-arg]
        self._sfd = self._descriptor

    def _stop_workers(self) -> None:
        for worker in self.wrks:
            worker.interrupt_by_parent = True  # one that is still starting ends by the signal, and that is no fault
            if worker.is_alive():
                os.kill(worker._id(), _STOP_ACCEPTING)
        time.sleep(_PAUSE)
        super()._stop_workers()


def stop_accepting_when_told(loop: asyncio.AbstractEventLoop, told: Callable[[], None]) -> None:
    """Let this process stop accepting connections when its server is about to end it.

    Args:
        loop: which serves.
        told: called then, too.
    """
    descriptor = os.environ.get(_VARIABLE)
    if descriptor is None:
        return

    def stop() -> None:
        told()
        _leave(int(descriptor))

    loop.add_signal_handler(_STOP_ACCEPTING, stop)


def _leave(descriptor: int) -> None:
    """Put a socket to which nobody connects in the place of one that other processes share."""
    shared = os.fstat(descriptor).st_ino
    with socket.socket(socket.AF_UNIX) as idle:
        idle.bind("")
        idle.listen()
        idle.setblocking(False)
        for name in os.listdir("/proc/self/fd"):
            try:
                if os.fstat(int(name)).st_ino == shared:
                    os.dup2(idle.fileno(), int(name))
            except OSError:
                continue  # the directory itself, which is closed by now
