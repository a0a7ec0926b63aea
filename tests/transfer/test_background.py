"""Files of many devices: checked and imported by workers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from openwisp_users.models import Organization

from openwisp_controller.common.wakeup import intercepted
from openwisp_controller.config import tasks
from openwisp_controller.config.imports import IN_REQUEST
from openwisp_controller.config.models import Device, DeviceImport

from .. import factories as make
from ..recorder import SignalRecorder
from .helpers import PROCESS, imported, send, table

pytestmark = pytest.mark.django_db
MANY = IN_REQUEST + 50


def many() -> list[dict[str, Any]]:
    return [
        {"organization": "acme", "name": f"dev-{n}", "mac_address": f"02:00:00:00:{n // 256:02X}:{n % 256:02X}",
         "config_backend": make.BACKEND, "config_data": '{"general": {"timezone": "UTC"}}'}
        for n in range(MANY)
    ]  # fmt: skip


def progress(client: Client, row: DeviceImport) -> Any:
    return client.get(f"/admin/config/device/import/{row.pk}/progress/").json()


def test_in_the_background(root: Client, organization: Organization, committing: Any) -> None:
    send(root, table(*many()))
    row = DeviceImport.objects.get()
    page = root.get(f"/admin/config/device/import/{row.pk}/").content.decode()
    assert "being checked" in page
    assert progress(root, row) == {"state": "checking", "done": 0, "total": MANY, "finished": False}
    with intercepted():
        root.post(PROCESS, {"import": str(row.pk)})  # it is not checked yet
    tasks.run_device_imports()  # the message was lost, the reconciler sent another one
    assert progress(root, row)["state"] == "checked"
    assert not Device.objects.exists()
    with SignalRecorder() as recorder, committing():
        root.post(PROCESS, {"import": str(row.pk)})
    assert progress(root, row) == {"state": "done", "done": MANY, "total": MANY, "finished": True}
    assert Device.objects.filter(config__released__isnull=False).count() == MANY
    assert recorder.names.count("checksum_requested") == 0
    row.refresh_from_db()
    assert row.report == {"new": MANY, "changed": 0, "unchanged": 0}
    assert row.table == {}
    page = root.get("/admin/config/device/import/").content.decode()
    assert "devices.csv" in page
    tasks.run_device_imports()
    assert Device.objects.count() == MANY


def test_the_reconciler_finds_it(root: Client, organization: Organization, committing: Any) -> None:
    with intercepted():
        send(root, table(*many()))
    with committing():
        tasks.reconcile()
    row = DeviceImport.objects.get()
    assert row.state == "checked"
    with intercepted():
        root.post(PROCESS, {"import": str(row.pk)})
    with committing():
        tasks.reconcile()
    row.refresh_from_db()
    assert row.state == "done"


def test_one_error_among_many(root: Client, organization: Organization, committing: Any) -> None:
    rows = many()
    rows[120]["config_data"] = "{"
    with committing():
        send(root, table(*rows))
    row = DeviceImport.objects.get()
    assert [(each["row"], each["column"]) for each in row.report["listed"]] == [(122, "config_data")]
    page = root.get(f"/admin/config/device/import/{row.pk}/?p=5").content.decode()
    assert "This is not valid JSON" in page
    assert "Confirm import" not in page


def test_one_that_went_wrong_meanwhile(root: Client, organization: Organization, committing: Any) -> None:
    with committing():
        send(root, table(*many()))
    taken = make.device(organization, mac_address=many()[140]["mac_address"])
    row = DeviceImport.objects.get()
    with SignalRecorder() as recorder, committing():
        root.post(PROCESS, {"import": str(row.pk)})
    row.refresh_from_db()
    assert (row.state, [each["row"] for each in row.report["listed"]]) == ("failed", [142])
    assert list(Device.objects.all()) == [taken]
    assert recorder.names == []
    assert "Nothing was imported" in root.get(f"/admin/config/device/import/{row.pk}/").content.decode()


def test_old_files_are_forgotten(root: Client, organization: Organization) -> None:
    done = imported(root, table(many()[0]))
    send(root, table(many()[1]))
    waiting = DeviceImport.objects.exclude(pk=done.pk)
    tasks.forget_device_imports()
    assert waiting.exists()
    DeviceImport.objects.update(created=timezone.now() - timedelta(days=2))
    tasks.forget_device_imports()
    assert not waiting.exists()
    DeviceImport.objects.update(created=timezone.now() - timedelta(days=31))
    tasks.forget_device_imports()
    assert not DeviceImport.objects.exists()


HOW_TO = Path(__file__).resolve().parents[2] / "docs/how-to/import-and-export.md"


def test_examples_of_the_page_that_explains_it(root: Client, organization: Organization) -> None:
    files = [part.partition("```")[0].lstrip("\n") for part in HOW_TO.read_text().split("```csv")[1:]]
    assert len(files) == 2
    for content in files:
        imported(root, content.encode())
    assert set(Device.objects.values_list("name", flat=True)) == {"office-1", "office-2", "office-3"}
