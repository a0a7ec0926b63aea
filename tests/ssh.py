"""Real SSH servers of virtual devices, for tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from openwisp_controller.fleet.ssh import DeviceSshServer

from .services import PATIENCE

PASSWORD = "Correct-Horse"


class SshServers:
    """Servers on an event loop of their own; each test gets fresh ones on free ports."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._faces: list[DeviceSshServer] = []

    def start(self, **options: Any) -> DeviceSshServer:
        face = DeviceSshServer(options.pop("password", PASSWORD), **options)
        self.run(face.start())
        self._faces.append(face)
        return face

    def stop(self, face: DeviceSshServer) -> None:
        self.run(face.stop())

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE)

    def close(self) -> None:
        for face in self._faces:
            self.stop(face)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.close()


@contextmanager
def servers() -> Iterator[SshServers]:
    result = SshServers()
    try:
        yield result
    finally:
        result.close()
