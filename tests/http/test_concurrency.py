"""Many requests at the same time, each in a thread of a real HTTP server."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connection, transaction

from openwisp_controller.config.devices import enrolment
from openwisp_controller.config.models import Config, Device, OrganizationLimits, Revision

from .. import factories as make
from ..services import PATIENCE
from .protocol import MAC, path
from .protocol import enrolment as enrolment_data

pytestmark = pytest.mark.django_db(transaction=True)
Answer = tuple[int, bytes]
#: How long to wait for somebody who may be waiting for us.
A_MOMENT = 1.0


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


class Server:
    """A running server."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.url = f"http://{address[0]}:{address[1]}"

    def register(self, **parameters: str | None) -> Answer:
        return self._open(path("register"), urlencode(enrolment_data(**parameters)).encode())

    def get(self, action: str, device: Device, **query: str) -> Answer:
        return self._open(f"{path(action, device.pk)}?{urlencode({'key': device.key, **query})}")

    def post(self, action: str, device: Device, **form: str) -> Answer:
        return self._open(path(action, device.pk), urlencode({"key": device.key, **form}).encode())

    def _open(self, url: str, body: bytes | None = None) -> Answer:
        try:
            with urlopen(self.url + url, body, timeout=PATIENCE) as response:
                return response.status, response.read()
        except HTTPError as error:
            return error.code, error.read()


@pytest.fixture
def server(application: Any) -> Iterator[Server]:
    http = ThreadedWSGIServer(("127.0.0.1", 0), QuietHandler)
    http.daemon_threads = False  # so that closing waits for them
    http.set_app(application)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield Server(http.server_address[:2])  # type: ignore[arg-type]
    http.shutdown()
    thread.join()
    http.server_close()


def together(count: int, action: Callable[[int], Answer]) -> list[Answer]:
    """Run ``action`` in so many threads that start at the same moment."""
    barrier = threading.Barrier(count)

    def run(number: int) -> Answer:
        barrier.wait(PATIENCE)
        return action(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.parametrize("count", [2, 8])
@pytest.mark.parametrize("attempt", range(2))
def test_same_device_registers(server: Server, organization: Any, count: int, attempt: int) -> None:
    make.template(organization, default=True)
    answers = together(count, lambda number: server.register())
    device = Device.objects.get()
    assert [status for status, _ in answers] == [201] * count
    lines = Counter(line for _, body in answers for line in body.decode().splitlines())
    assert lines["is-new: 1"] == 1
    assert lines["is-new: 0"] == count - 1
    assert lines[f"uuid: {device.pk.hex}"] == count
    assert device.config.templates.count() == 1


def test_fetching_does_not_wait_for_those_who_write(server: Server, organization: Any) -> None:
    """Somebody keeps the rows locked: polls and downloads are answered, and noted when the device reports."""
    config = make.config(make.device(organization, last_ip="198.51.100.1"))
    device = config.device
    let_go, locked = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Device.objects.select_for_update().get(pk=device.pk)
            Config.objects.filter(pk=config.pk).update(stale_detail="")  # SQLite locks by writing
            locked.set()
            assert let_go.wait(PATIENCE)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        assert locked.wait(PATIENCE)
        try:
            assert server.get("checksum", device, management_ip="10.0.0.1")[0] == 200
            assert server.get("download-config", device)[0] == 200
        finally:
            let_go.set()
        holding.result()
    config.refresh_from_db()
    assert (config.downloaded, config.device.management_ip) == (None, None)
    assert server.post("report-status", device, status="applied")[0] == 200
    config = Config.objects.get()
    assert (config.downloaded_id, config.applied_id, config.status) == (config.released_id,) * 2 + ("applied",)
    assert server.get("checksum", device, management_ip="10.0.0.1")[0] == 200
    assert Device.objects.get().management_ip == "10.0.0.1"


def test_devices_claim_one_management_address(server: Server, organization: Any, other: Any) -> None:
    """Those of one organization, polling and enrolling at once: one has it in the end, and nobody waits for ever."""
    devices = [make.config(make.device(organization)).device for _ in range(6)]
    theirs = make.config(make.device(other)).device

    def claim(number: int) -> Answer:
        if number < len(devices):
            return server.get("checksum", devices[number], management_ip="10.0.0.1")
        name = f"new-{number}"
        return server.register(
            name=name,
            mac_address=f"0a:00:00:00:00:{number:02x}",
            key=f"key-of-{name}",
            management_ip="10.0.0.1",
        )

    answers = together(8, claim)
    assert {status for status, _ in answers} == {200, 201}, answers
    holder = Device.objects.get(management_ip="10.0.0.1")
    assert server.get("checksum", theirs, management_ip="10.0.0.1")[0] == 200
    assert Device.objects.get(management_ip="10.0.0.1") == holder


@pytest.fixture
def many_writers() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("Writers queue up, so nobody comes in between.")


@pytest.mark.usefixtures("many_writers")
@pytest.mark.parametrize("noticed_by", ["validation", "database"])
def test_same_device_registers_between_our_look_and_our_write(
    server: Server, organization: Any, monkeypatch: pytest.MonkeyPatch, noticed_by: str
) -> None:
    """Also where the other one is faster by just so much that our own transaction sees it late."""
    find, full_clean = enrolment._find, Device.full_clean
    answers = []

    def others_register() -> None:
        monkeypatch.setattr(enrolment, "_find", find)
        monkeypatch.setattr(Device, "full_clean", full_clean)
        # another name, for those who choose the same one take turns
        answers.append(server.register(name="faster"))

    def look(key: str) -> Device | None:
        found = find(key)
        others_register()
        return found

    def check(device: Device, *arguments: Any, **options: Any) -> None:
        full_clean(device, *arguments, **options)
        others_register()

    if noticed_by == "validation":
        monkeypatch.setattr(enrolment, "_find", look)
    else:
        monkeypatch.setattr(Device, "full_clean", check)
    status, body = server.register(model="seen")
    device = Device.objects.get()
    assert [status for status, _ in answers] == [status] == [201]
    assert b"is-new: 1" in answers[0][1]
    assert b"is-new: 0" in body
    assert device.model == "seen"


def test_same_device_registers_without_key(server: Server, organization: Any) -> None:
    answers = together(4, lambda number: server.register(key=None))
    assert Counter(status for status, _ in answers) == {201: 1, 400: 3}
    assert all(b"already exists" in body for status, body in answers if status == 400)
    assert Device.objects.get().config.released is not None


def test_different_devices_register(server: Server, organization: Any) -> None:
    answers = together(8, lambda n: server.register(name=f"router-{n}", mac_address=f"{MAC[:-1]}{n}", key=f"{n}" * 32))
    assert {status for status, _ in answers} == {201}
    assert Device.objects.count() == Config.objects.count() == 8


@pytest.fixture
def validated_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody saves a device before another one is validated, too, if that is possible."""
    save, barrier = Device.save, threading.Barrier(2)

    def wait_and_save(device: Device, *arguments: Any, **options: Any) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            barrier.wait(A_MOMENT)
        save(device, *arguments, **options)

    monkeypatch.setattr(Device, "save", wait_and_save)


def register_others(server: Server, name: str) -> Counter[int]:
    """Three devices enrol at once."""
    answers = together(3, lambda n: server.register(name=name.format(n), mac_address=f"{MAC[:-1]}{n}", key=f"{n}" * 32))
    return Counter(status for status, _ in answers)


@pytest.mark.usefixtures("validated_together")
def test_as_many_devices_as_the_limit_allows(server: Server, organization: Any) -> None:
    OrganizationLimits.objects.filter(organization=organization).update(device_limit=2)
    assert register_others(server, "router-{}") == {201: 2, 400: 1}
    assert Device.objects.count() == 2


@pytest.mark.usefixtures("validated_together")
def test_one_device_of_each_name(server: Server, organization: Any) -> None:
    assert register_others(server, "router") == {201: 1, 400: 2}
    assert Device.objects.count() == 1


def test_poll_while_a_change_is_not_committed(server: Server, organization: Any) -> None:
    config = make.config(organization)
    before = server.get("checksum", config.device)
    with transaction.atomic():
        config.config = {"interfaces": [{"name": "eth1", "type": "ethernet"}]}
        config.save()
        assert server.get("checksum", config.device) == before
    status, checksum = server.get("checksum", config.device)
    assert (status, checksum != before[1]) == (200, True)
    assert hashlib.md5(server.get("download-config", config.device)[1]).hexdigest().encode() == checksum


def test_polls_and_downloads_while_it_compiles(server: Server, organization: Any) -> None:
    """Whatever is served was released, each edit is served, and the last word is the last edit."""
    config = make.config(organization)
    device = config.device
    server.get("checksum", device)
    seen: set[str] = set()
    rounds: list[int] = []
    edited = threading.Event()

    def read() -> None:
        while not edited.is_set():
            seen.add(server.get("checksum", device)[1].decode())
            seen.add(hashlib.md5(server.get("download-config", device)[1]).hexdigest())
            rounds.append(1)

    def wait_for_readers(readers: list[Future[None]]) -> None:
        """Wait until one has read all since now; two may have begun before."""
        end = len(rounds) + 3
        while len(rounds) < end and not any(reader.done() for reader in readers):
            time.sleep(0.01)

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for number in range(10):
                config.config = {"interfaces": [{"name": f"eth{number}", "type": "ethernet"}]}
                config.save()
                wait_for_readers(readers)
        finally:
            edited.set()
        for reader in readers:
            reader.result(PATIENCE)
    assert len(seen) >= 10
    assert seen <= set(Revision.objects.values_list("checksum", flat=True))
    config.refresh_from_db()
    assert server.get("checksum", device)[1].decode() == config.checksum
