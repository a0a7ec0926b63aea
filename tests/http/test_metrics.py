"""The page that Prometheus reads."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from openwisp_controller.config.maintenance import reconcile
from openwisp_controller.config.models import Config, Device, Job, Notice, StaleServer
from openwisp_controller.connection import push
from openwisp_controller.connection.models import Command, Push
from openwisp_controller.server import request_metrics
from openwisp_controller.server.wsgi import Dispatcher

from .. import factories as make
from .conftest import ShortPath
from .protocol import download, poll, register, report, update_info

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-prometheus"
BEARER = {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}
SECONDS = "openwisp_controller_request_seconds_count"
Numbers = dict[tuple[str, ...], float]


@pytest.fixture(autouse=True)
def token(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


@pytest.fixture
def server(token: None) -> ShortPath:
    """The server's WSGI application, which counts."""
    return ShortPath(request_metrics.measured(Dispatcher()))


def numbers(client: Any, name: str = "") -> Numbers:
    """What is shown, by name and values of the labels; of one name alone by the values."""
    answer = client.get("/metrics", **BEARER)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    found: Numbers = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        for sample in family.samples:
            found[(sample.name, *sample.labels.values())] = sample.value
    return {key[1:]: value for key, value in found.items() if key[0] == name} if name else found


class TestWhoMay:
    def test_nobody_without_a_token_in_the_environment(self, client: Client, settings: Any) -> None:
        settings.METRICS_TOKEN = ""
        for authorization in ("", "Bearer ", "Bearer", f"Bearer {TOKEN}"):
            assert client.get("/metrics", HTTP_AUTHORIZATION=authorization).status_code == 404

    @pytest.mark.parametrize(
        "authorization",
        ["", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer é"],
    )
    def test_nobody_with_another(self, client: Client, authorization: str) -> None:
        answer = client.get("/metrics", HTTP_AUTHORIZATION=authorization)
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == "Bearer"
        assert b"openwisp" not in answer.content

    def test_not_by_being_logged_in(self, root: Client) -> None:
        assert root.get("/metrics").status_code == 401

    def test_it_is_read_only(self, client: Client) -> None:
        assert client.post("/metrics", **BEARER).status_code == 405


class TestRequests:
    def test_each_kind(self, server: ShortPath, organization: Any) -> None:
        before = numbers(server, SECONDS)
        client: Any = server
        assert register(client).status_code == 201
        device = Device.objects.get()
        assert poll(client, device).status_code == 200
        assert download(client, device).status_code == 200
        assert report(client, device, "applied").status_code == 200
        assert update_info(client, device, model="x").status_code == 200
        assert server.get(f"/controller/device/checksum/{device.pk.hex}/", {"key": "wrong" * 7}).status_code == 403
        assert server.get("/controller/vpn/checksum/" + uuid.uuid4().hex + "/", {"key": "x"}).status_code == 404
        assert server.get("/controller/nothing/").status_code == 404
        assert server.get("/admin/").status_code == 302
        assert server.get("/api/v1/nothing/").status_code == 404
        assert server.get("/healthz").status_code == 200
        assert server.request("BREW", "/healthz").status_code == 403
        after = numbers(server, SECONDS)
        assert {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)} == {
            ("register", "POST", "2xx"): 1,
            ("checksum", "GET", "2xx"): 1,
            ("download", "GET", "2xx"): 1,
            ("report", "POST", "2xx"): 1,
            ("update-info", "POST", "2xx"): 1,
            ("checksum", "GET", "4xx"): 2,
            ("other", "GET", "4xx"): 1,
            ("admin", "GET", "3xx"): 1,
            ("api", "GET", "4xx"): 1,
            ("other", "GET", "2xx"): 2,  # the page itself, the first time, and one more
            ("other", "other", "4xx"): 1,
        }

    def test_what_clients_send_is_no_label(self, server: ShortPath) -> None:
        for path in ("/admin'\"{}=/", "/controller/device/", "/controller/", "//", "/controller/x\n/", "/é", "/apix"):
            server.request("X" * 500, path)
        labels = {label for key in numbers(server, SECONDS) for label in key}
        words = {*request_metrics._OF_DEVICES.values(), "admin", "api", "other"}
        assert labels <= words | request_metrics._METHODS | {"2xx", "3xx", "4xx", "5xx"}

    def test_nothing_is_in_between_when_it_is_off(self, settings: Any, application: Any) -> None:
        settings.METRICS_TOKEN = ""
        assert request_metrics.measured(application) is application


class TestDatabase:
    def test_work_and_how_old_it_is(self, client: Client, organization: Any, lost_messages: Any) -> None:
        hour_ago = timezone.now() - timedelta(hours=1)
        for _ in range(2):
            config = make.config(organization, status="applied")
        Config.objects.filter(pk=config.pk).update(stale_since=hour_ago, stale_cause="inputs_changed")
        Job.objects.create(kind="recheck", subject=uuid.uuid4(), created=hour_ago)
        Notice.objects.create(kind="x", subject=uuid.uuid4())
        StaleServer.objects.create(vpn_id=uuid.uuid4())
        for status in ("in-progress", "failed"):
            Command.objects.bulk_create([Command(device=config.device, type="reboot", status=status)])
        items = numbers(client, "openwisp_controller_work_items")
        assert items == {
            ("configuration",): 1, ("vpn-server",): 1, ("job",): Job.objects.count(), ("notice",): 1, ("signal",): 0,
            ("vpn-server-call",): 0, ("push",): 0, ("command",): 1,
        }  # fmt: skip
        ages = numbers(client, "openwisp_controller_work_oldest_seconds")
        assert ages.keys() == items.keys()
        assert ages["configuration",] >= 3600
        assert ages["job",] >= 3600
        assert ages["signal",] == ages["vpn-server",] == 0

    def test_devices_by_status(self, client: Client, organization: Any) -> None:
        make.config(organization, status="applied")
        make.config(organization)
        make.device(organization)
        assert numbers(client, "openwisp_controller_devices") == {("applied",): 1, ("modified",): 1, ("none",): 1}

    def test_pushes_by_outcome(self, client: Client, organization: Any, settings: Any, lost_messages: Any) -> None:
        owner = uuid.uuid4()
        rows = [make.connection(make.config(organization)) for _ in range(3)]
        push.request([row.device_id for row in rows])
        Push.objects.filter(pk=rows[2].device_id).update(attempts=100)
        tasks = {task.device_id: task for task in push.claim(owner, 10)}
        reasons = ["", "why", "why"]
        push.store(owner, [push.PushOutcome(tasks[row.device_id], why) for row, why in zip(rows, reasons, strict=True)])
        wanted = {("told",): 1, ("again",): 0, ("retried",): 1, ("given-up",): 1}
        assert numbers(client, "openwisp_controller_pushes_total") == wanted
        push.request([rows[0].device_id])
        push.store(owner, [push.PushOutcome(task) for task in push.claim(owner, 10)])
        assert numbers(client, "openwisp_controller_pushes_total")["told",] == 2

    def test_when_periodic_work_was_begun(self, client: Client) -> None:
        name = "openwisp_controller_last_reconcile_timestamp_seconds"
        assert numbers(client, name) == {}
        before = timezone.now() - timedelta(seconds=1)
        reconcile()
        assert numbers(client, name)[()] >= before.timestamp()

    def test_it_costs_few_statements_however_much_there_is(self, client: Client, organization: Any) -> None:
        counts = []
        for number in (1, 10):
            for _ in range(number):
                make.config(organization)
            with CaptureQueriesContext(connection) as queries:
                numbers(client)
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 5

    def test_no_session_is_made(self, client: Client) -> None:
        numbers(client)
        assert not Session.objects.exists()
