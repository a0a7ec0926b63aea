"""A small controller for tests of virtual devices: correct by default, wrong wherever a test wants it.

And what such tests have in common: impatient agents, and scenarios in an event loop of their own.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import tarfile
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self, TypeVar

from aiohttp import web
from aiohttp.test_utils import TestServer

from openwisp_controller.fleet import AgentPolicy, Fleet, State

from ..services import PATIENCE

T = TypeVar("T")

HEADER = {"X-Openwisp-Controller": "true"}
SECRET = "shared-secret"


def make_archive(files: dict[str, str | bytes]) -> bytes:
    """Return a tar.gz archive of files, in the way the controller packs them."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for path, contents in files.items():
            data = contents.encode() if isinstance(contents, str) else contents
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(plain.getvalue(), mtime=0)


CONFIGURATION = make_archive({"etc/config/system": "config system 'system'\n\toption hostname 'managed'\n"})


@dataclass
class Enrolled:
    """What the controller knows of a device."""

    uuid: str
    key: str
    form: dict[str, str]
    reports: list[dict[str, str]] = field(default_factory=list)
    status: str = "modified"


@dataclass(frozen=True)
class Call:
    """A request that was received."""

    action: str
    query: dict[str, str]
    form: dict[str, str]
    body: str
    device: str


Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


class FakeController:
    """An asynchronous context manager; ``url`` is its base URL.

    ``archive`` is what devices should have. ``faults`` maps an action (``register``, ``checksum`` …) to a
    coroutine that may answer in place of the correct handler; ``strip_header`` names actions that answer
    without the header.
    """

    def __init__(self, archive: bytes = CONFIGURATION) -> None:
        self.archive = archive
        self.announced: str | None = None
        self.devices: dict[str, Enrolled] = {}
        self.calls: list[Call] = []
        self.faults: dict[str, Fault] = {}
        self.strip_header: set[str] = set()
        application = web.Application()
        application.router.add_post("/controller/register/", self._handle)
        for action in ("update-info", "report-status"):
            application.router.add_post(f"/controller/{action}/{{id:[0-9a-f]{{32}}}}/", self._handle)
        for action in ("checksum", "download-config"):
            application.router.add_get(f"/controller/{action}/{{id:[0-9a-f]{{32}}}}/", self._handle)
        self._server = TestServer(application)

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._server.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self._server.make_url("")).rstrip("/")

    @property
    def checksum(self) -> str:
        """What it answers to a request for the checksum."""
        return self.announced or hashlib.md5(self.archive).hexdigest()

    def actions(self) -> list[str]:
        """The actions that were asked for, in order."""
        return [call.action for call in self.calls]

    def reports(self) -> list[dict[str, str]]:
        """All reports of all devices."""
        return [report for device in self.devices.values() for report in device.reports]

    def deactivate(self) -> None:
        """Have all devices wipe themselves; one that reports has gone afterwards."""
        self.archive = make_archive({})
        for device in self.devices.values():
            device.status = "deactivating"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        action = request.path.split("/")[2]
        form = {name: str(value) for name, value in (await request.post()).items()}
        uuid_or_name = request.match_info.get("id") or form.get("name", "")
        self.calls.append(Call(action, dict(request.query), form, await request.text(), uuid_or_name))
        fault = self.faults.get(action)
        answer = await fault(request) if fault else None
        if answer is None:
            answer = self._register(form) if action == "register" else self._serve(action, request, form)
        if action in self.strip_header:
            answer.headers.pop("X-Openwisp-Controller", None)
        return answer

    def _register(self, form: dict[str, str]) -> web.Response:
        if form.get("secret") != SECRET:
            return text("error: unrecognized secret", 403)
        known = next((device for device in self.devices.values() if device.key == form["key"]), None)
        device = known or Enrolled(uuid.uuid4().hex, form["key"], form)
        self.devices[device.uuid] = device
        return text(
            f"registration-result: success\nuuid: {device.uuid}\nkey: {device.key}\n"
            f"hostname: {form['name']}\nis-new: {int(known is None)}\n",
            201,
        )

    def _serve(self, action: str, request: web.Request, form: dict[str, str]) -> web.Response:
        device = self.devices.get(request.match_info["id"])
        if device is None or device.status == "deactivated":
            return web.Response(status=404, text="<h1>Not Found</h1>", content_type="text/html")
        if (request.query if request.method == "GET" else form).get("key") != device.key:
            return text("error: wrong key\n", 403)
        if action == "checksum":
            return text(self.checksum)
        if action == "download-config":
            return web.Response(body=self.archive, content_type="application/octet-stream", headers=HEADER)
        if action == "update-info":
            return text("update-info: success")
        device.reports.append(form)
        device.status = "deactivated" if device.status == "deactivating" else form["status"]
        return text(f"report-result: success\ncurrent-status: {device.status}\n")


def text(body: str, status: int = 200) -> web.Response:
    """Return an answer as the controller's views give it."""
    answer = web.Response(status=status, body=body.encode(), headers=HEADER)
    answer.content_type = "text/plain"
    return answer


POLICY = AgentPolicy(
    attempts=3,
    retry_pause=(0.01, 0.02),
    update_info_pause=0.01,
    missing_retries=3,
    missing_pause=(0.01, 0.02),
    test_attempts=2,
    test_pause=(0.01, 0.02),
    restarts=1,
    restart_pause=0.01,
    boot_pause=0.01,
)
OTHER = make_archive({"etc/config/system": "config system 'system'\n\toption hostname 'renamed'\n"})


def make_fleet(controller: FakeController, devices: int = 1, secret: str = SECRET, **options: object) -> Fleet:
    """Return a fleet of agents without patience, all switched on at once."""
    settings: dict[str, object] = {"interval": 0.1, "policy": POLICY, "spread": 0.0, **options}
    return Fleet(controller.url, secret, devices, **settings)  # type: ignore[arg-type]


def run_with(scenario: Callable[[FakeController], Awaitable[T]], archive: bytes = CONFIGURATION) -> T:
    """Run a scenario with a controller, in a new event loop."""

    async def main() -> T:
        async with FakeController(archive) as controller, asyncio.timeout(2 * PATIENCE):
            return await scenario(controller)

    return asyncio.run(main())


def run_until(
    controller: FakeController, until: Callable[[Fleet], bool], fleet: Fleet | None = None
) -> Awaitable[Fleet]:
    """Run a fleet until something is true, which has to happen before patience ends."""

    async def follow(fleet: Fleet) -> Fleet:
        await fleet.run(PATIENCE, until)
        assert until(fleet), fleet.problems()
        return fleet

    return follow(fleet or make_fleet(controller))


def all_in(state: State) -> Callable[[Fleet], bool]:
    """Return a predicate: all devices are in a state."""
    return lambda fleet: all(device.state is state for device in fleet.devices)


def all_stopped(fleet: Fleet) -> bool:
    """Whether all supervisors have given up."""
    return all(device.stopped for device in fleet.devices)


def drop(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
