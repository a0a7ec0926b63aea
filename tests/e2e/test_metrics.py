"""Numbers for Prometheus of a real server with several processes."""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ..services import free_port
from .deployment import Services, wait_until_ready
from .processes import PATIENCE, running, status_of, wait_until

pytestmark = pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs PostgreSQL and Redis")
TOKEN = "a-token-of-prometheus"
DEVICES = 3


def numbers(url: str) -> dict[tuple[str, ...], float]:
    request = urllib.request.Request(f"{url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_processes_add_up(tmp_path: Path, services: Services) -> None:
    """Every process shows what all of them answered."""
    shared, port = tmp_path / "shared", free_port()
    shared.mkdir()
    url = f"http://127.0.0.1:{port}"
    with services.deployed(tmp_path, DEVICES, METRICS_TOKEN=TOKEN, TMPDIR=str(shared)) as deployed:
        web = deployed.process("web", "--port", str(port), "--workers", "2")
        with running(web, deployed.process("worker", "--concurrency", "1"), deployed.process("scheduler")):
            wait_until_ready(url)
            polls = 0

            def all_answered() -> bool:
                nonlocal polls
                polls += 1
                assert status_of(f"{url}/controller/nothing-{polls}/") == 404
                return len(list(shared.glob("openwisp-controller-metrics-*/histogram_*.db"))) == 2

            wait_until(all_answered, "that both processes answer")
            refused = ("openwisp_controller_request_seconds_count", "other", "GET", "4xx")
            for _ in range(20):
                assert numbers(url)[refused] == polls
            assert status_of(f"{url}/metrics") == 401
            reconciled = ("openwisp_controller_last_reconcile_timestamp_seconds",)
            wait_until(lambda: reconciled in numbers(url), "that the workers reconcile")
            assert numbers(url)["openwisp_controller_devices", "applied"] == DEVICES
        assert not list(shared.glob("openwisp-controller-metrics-*")), "what was counted is left behind"


def test_there_is_no_such_page_without_a_token(tmp_path: Path, services: Services) -> None:
    port = free_port()
    with services.deployed(tmp_path) as deployed, running(deployed.process("web", "--port", str(port))):
        wait_until_ready(f"http://127.0.0.1:{port}")
        assert status_of(f"http://127.0.0.1:{port}/metrics") == 404
