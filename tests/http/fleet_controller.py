"""A small controller for tests of virtual devices: correct by default, wrong wherever a test wants it."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web
from aiohttp.test_utils import TestServer

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


@dataclass(frozen=True)
class Call:
    """A request that was received."""

    action: str
    query: dict[str, str]
    form: dict[str, str]
    body: str


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
        self.is_new = True
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

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        action = request.path.split("/")[2]
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.calls.append(Call(action, dict(request.query), form, await request.text()))
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
        device = Enrolled(uuid.uuid4().hex, form["key"], form)
        self.devices[device.uuid] = device
        return text(
            f"registration-result: success\nuuid: {device.uuid}\nkey: {device.key}\n"
            f"hostname: {form['name']}\nis-new: {int(self.is_new)}\n",
            201,
        )

    def _serve(self, action: str, request: web.Request, form: dict[str, str]) -> web.Response:
        device = self.devices.get(request.match_info["id"])
        if device is None:
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
        return text(f"report-result: success\ncurrent-status: {form['status']}\n")


def text(body: str, status: int = 200) -> web.Response:
    """Return an answer as the controller's views give it."""
    answer = web.Response(status=status, body=body.encode(), headers=HEADER)
    answer.content_type = "text/plain"
    return answer
