"""What is measured: the device protocol, changes, the administration, the controller when nothing happens."""

from __future__ import annotations

import html.parser
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from . import load
from .accounting import calibrate
from .deployment import Deployment, registration, wait_until
from .load import Request

SAMPLE = 1000
#: Connections of a proxy when everybody comes at once.
CROWD = 200
_STALE = "SELECT count(*) FROM config_config WHERE stale_since IS NOT NULL"


@dataclass(frozen=True)
class Row:
    """What one operation costs."""

    operation: str
    count: int
    cpu: dict[str, float]
    """Milliseconds of CPU of one operation, by process."""
    calibration: float
    """Milliseconds that the calibration loop took around it."""
    wall: float
    """Seconds for all of them."""
    target: float | None = None
    """Calibrated milliseconds."""
    p50: float | None = None
    p95: float | None = None
    """Latencies in milliseconds."""

    @property
    def total(self) -> float:
        """Milliseconds of CPU of one operation."""
        return sum(self.cpu.values())

    @property
    def calibrated(self) -> float:
        """Milliseconds of one operation on the machine that targets are written for."""
        return self.total * 13 / self.calibration

    @property
    def within(self) -> bool:
        return self.target is None or self.calibrated <= self.target

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "total": self.total, "calibrated": self.calibrated}


@dataclass
class Bench:
    """Runs operations against a deployment and accounts for them."""

    deployment: Deployment
    session: str = field(default="", init=False)
    """Headers of somebody who is logged in to the administration."""

    def measure(
        self, operation: str, count: int, work: Callable[[], load.Run | None], target: float | None = None
    ) -> Row:
        """Account for ``work`` and whatever it leaves to be done in the background."""
        first = calibrate()
        self.deployment.wait_until_quiet()
        before, start = self.deployment.cpu(), time.perf_counter()
        run = work()
        wall = time.perf_counter() - start
        self.deployment.wait_until_quiet()
        used = {name: (now - before[name]) * 1000 / count for name, now in self.deployment.cpu().items()}
        latencies = {"p50": run.percentile(0.5), "p95": run.percentile(0.95)} if run is not None else {}
        return Row(operation, count, used, (first + calibrate()) / 2, wall, target, **latencies)

    def requests(
        self, operation: str, requests: Sequence[Request], *statuses: int, target: float | None = None, warm: int = 0,
        connections: int = load.CONNECTIONS,
    ) -> Row:  # fmt: skip
        """Account for requests; the first ``warm`` of them are sent before."""
        port = self.deployment.port
        if warm:
            load.run(port, requests[:warm], connections).require(*statuses)
        measured = requests[warm:]
        return self.measure(
            operation, len(measured), lambda: load.run(port, measured, connections).require(*statuses), target
        )

    def log_in(self) -> None:
        """Log in to the administration."""
        page = load.ask(self.deployment.port, Request("/admin/login/"))
        cookies = _cookies(page)
        form = {
            "username": "root",
            "password": "password",
            "csrfmiddlewaretoken": _Form.of(page).values["csrfmiddlewaretoken"],
        }
        answer = load.ask(self.deployment.port, Request("/admin/login/?next=/admin/", form, _header(cookies)))
        if answer.status != 302:
            raise RuntimeError(f"login: {answer.status}")
        self.session = _header({**cookies, **_cookies(answer)})

    def page(self, path: str) -> load.Answer:
        return load.ask(self.deployment.port, Request(path, headers=self.session))


def run(bench: Bench, devices: int) -> Iterator[Row]:
    """Measure everything with that many devices in the database."""
    from openwisp_controller.config.models import Device

    yield bench.measure("idle, per second", 10, lambda: time.sleep(10), None)
    known = [(key.hex, secret) for key, secret in Device.objects.order_by("pk").values_list("pk", "key")[:SAMPLE]]

    def get(endpoint: str, times: int = 1) -> list[Request]:
        return [Request(f"/controller/{endpoint}/{device}/?key={key}") for device, key in known] * times

    def report(status: str) -> list[Request]:
        return [
            Request(f"/controller/report-status/{device}/", {"key": key, "status": status}) for device, key in known
        ]

    seen = len(known)
    yield bench.requests("download, the first time", get("download-config"), 200)
    yield bench.requests("poll", get("checksum", 11), 200, target=0.30, warm=seen)
    yield bench.requests("download again", get("download-config", 5), 200, target=0.35, warm=seen)
    yield bench.requests("report, modified → applied", report("applied"), 200, target=1.5)
    yield bench.requests("report that changes nothing", report("applied") * 3, 200, target=0.4, warm=seen)
    fresh = [Request("/controller/register/", registration(devices + number)) for number in range(300)]
    yield bench.requests("enrolment of a new device", fresh, 201, target=9, warm=50)
    again = [Request("/controller/register/", registration(number)) for number in range(300)]
    yield bench.requests("enrolment again", again, 201, target=4, warm=20)
    bench.log_in()
    yield from _pages(bench)
    yield from _rest(bench)
    yield from _template_change(bench)
    yield from _crowds(bench, devices)


def _crowds(bench: Bench, devices: int) -> Iterator[Row]:
    """The whole fleet returns from a power cut, after templates were edited meanwhile; many devices enrol at once."""
    from openwisp_controller.config.models import Device

    fleet = [(key.hex, secret) for key, secret in Device.objects.order_by("pk").values_list("pk", "key")]
    returning = [
        *(Request(f"/controller/checksum/{device}/?key={key}") for device, key in fleet),
        *(Request(f"/controller/download-config/{device}/?key={key}") for device, key in fleet),
        *(Request(f"/controller/report-status/{device}/", {"key": key, "status": "applied"}) for device, key in fleet),
    ]
    row = bench.requests(f"{len(fleet)} devices return, each request", returning, 200, connections=CROWD)
    if left := count("SELECT COUNT(*) FROM config_config WHERE status <> 'applied'"):
        raise RuntimeError(f"{left} devices did not apply what they fetched")
    yield row
    fresh = [Request("/controller/register/", registration(2 * devices + number)) for number in range(2000)]
    yield bench.requests("2000 new devices enrol at once", fresh, 201, connections=CROWD)


def _pages(bench: Bench) -> Iterator[Row]:
    from openwisp_controller.config.models import Device

    def several(path: str, times: int) -> list[Request]:
        return [Request(path, headers=bench.session)] * times

    device = Device.objects.order_by("pk")[0].pk
    for operation, path, target in (
        ("administration: list of devices", "/admin/config/device/", 60),
        ("administration: page of a device", f"/admin/config/device/{device}/change/", 45),
        ("administration: a tab of it", f"/admin/config/device/{device}/tab/deviceconnection_set/", None),
        ("administration: first page", "/admin/", None),
    ):
        yield bench.requests(operation, several(path, 25), 200, target=target, warm=5, connections=2)


def _rest(bench: Bench) -> Iterator[Row]:
    from openwisp_controller.config.models import Device

    account = {"username": "root", "password": "password"}
    answer = load.ask(bench.deployment.port, Request("/api/v1/users/token/", account))
    bearer = f"Authorization: Bearer {json.loads(answer.body)['token']}\r\n"
    base = "/api/v1/controller/device/"
    keys = list(Device.objects.order_by("pk").values_list("pk", flat=True)[:200])
    lists = [Request(f"{base}?page_size=100", headers=bearer)] * 30
    yield bench.requests("REST: list of 100 devices", lists, 200, target=25, warm=5, connections=2)
    details = [Request(f"{base}{key}/", headers=bearer) for key in keys]
    yield bench.requests("REST: a device", details, 200, target=4, warm=20, connections=2)
    edits = [Request(f"{base}{key}/", headers=bearer, json={"config": {"context": {"note": str(key)}}}) for key in keys]
    yield bench.requests("REST: PATCH of variables", edits, 200, target=10, warm=20, connections=2)


def _template_change(bench: Bench) -> Iterator[Row]:
    from openwisp_controller.config.models import Config, Template

    template = Template.objects.get(name="template 0")
    path = f"/admin/config/template/{template.pk}/change/"
    total = Config.objects.count()
    waited: list[float] = []

    def edit(description: str) -> Callable[[], load.Run]:
        page = bench.page(path)
        form = {**_Form.of(page).values, "_confirmed": "1"}  # as who has seen what it does
        form["config"] = form["config"].replace('"general": {', f'"general": {{"description": "{description}", ', 1)
        request = Request(path, form, bench.session + "Referer: http://127.0.0.1/\r\n")

        def send() -> load.Run:
            answered = load.run(bench.deployment.port, [request]).require(302)
            start = time.perf_counter()
            wait_until(lambda: count(_STALE) == 0, "the fleet follows")
            waited.append(time.perf_counter() - start)
            return answered

        return send

    row = bench.measure(f"template change, per device of {total}", total, edit("edited"), target=0.7)
    web = row.cpu["web"] * total
    yield row
    yield Row("the request that edits the template", 1, {"web": web}, row.calibration, row.p50 / 1000, 100)  # type: ignore[operator]


def count(sql: str) -> int:
    """Return the number that a statement gives."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


class _Form(html.parser.HTMLParser):
    """The values of the first form of a page that is posted."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._select: str | None = None
        self._textarea: str | None = None

    @classmethod
    def of(cls, page: load.Answer) -> _Form:
        form = cls()
        form.feed(page.body.decode())
        return form

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        name = given.get("name")
        if tag == "input" and name:
            kind = given.get("type")
            if (kind in ("checkbox", "radio") and "checked" not in given) or kind in ("submit", "file"):
                return
            self.values.setdefault(name, given.get("value") or ("on" if kind == "checkbox" else ""))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self.values[self._select] = given.get("value") or ""
        elif tag == "textarea" and name:
            self._textarea = name
            self.values[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = None
        elif tag == "textarea":
            self._textarea = None

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.values[self._textarea] += data.removeprefix("\n") if not self.values[self._textarea] else data


def _cookies(answer: load.Answer) -> dict[str, str]:
    pairs = (cookie.split(";")[0].partition("=") for cookie in answer.headers.get("set-cookie", []))
    return {name: value for name, _, value in pairs}


def _header(cookies: dict[str, str]) -> str:
    return "Cookie: " + "; ".join(f"{name}={value}" for name, value in cookies.items()) + "\r\n"
