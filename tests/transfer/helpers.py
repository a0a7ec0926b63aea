"""Files of devices, sent and confirmed as a browser does it."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from openwisp_controller.config.models import DeviceImport

IMPORT = "/admin/config/device/import/"
EXPORT = "/admin/config/device/export/"
PROCESS = "/admin/config/device/process_import/"


def table(*rows: dict[str, Any]) -> bytes:
    """A CSV file with these rows; its columns are those of the first one."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def exported(client: Client, kind: str = "csv", query: str = "") -> bytes:
    answer = client.post(EXPORT + query, {"format": kind})
    assert answer.status_code == 200
    assert "attachment" in answer["Content-Disposition"], answer.content[:2000]
    return bytes(answer.content)


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def send(client: Client, content: bytes, name: str = "devices.csv", **data: Any) -> Any:
    """Send a file; return the answer, a redirect where it could be read."""
    return client.post(IMPORT, {"import_file": SimpleUploadedFile(name, content), **data})


def checked(client: Client, content: bytes, name: str = "devices.csv") -> DeviceImport:
    """Send a file that can be read; return what is known of it."""
    answer = send(client, content, name)
    assert answer.status_code == 302, answer.context["form"].errors
    row = DeviceImport.objects.get(pk=answer["Location"].rstrip("/").rpartition("/")[2])
    page = client.get(answer["Location"])
    assert page.status_code == 200
    return row


def confirm(client: Client, row: DeviceImport) -> DeviceImport:
    answer = client.post(PROCESS, {"import": str(row.pk)})
    assert answer["Location"] == reverse("admin:config_device_import_file", args=[row.pk])
    row.refresh_from_db()
    assert client.get(answer["Location"]).status_code == 200
    return row


def imported(client: Client, content: bytes, name: str = "devices.csv") -> DeviceImport:
    """Send and confirm a file without errors."""
    row = checked(client, content, name)
    assert row.report["errors"] == 0, row.report
    row = confirm(client, row)
    assert row.state == "done", row.report
    return row


def errors(client: Client, content: bytes, name: str = "devices.csv") -> list[tuple[int, str, str]]:
    """Send a file with errors; return row, column and message of each. Nothing can be done with it."""
    row = checked(client, content, name)
    assert confirm(client, row).state == "checked"
    return [(each["row"], each["column"], each["message"]) for each in row.report["listed"]]
