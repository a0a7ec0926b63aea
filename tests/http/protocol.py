"""Speaks the device protocol for tests."""

from __future__ import annotations

import io
import tarfile
import uuid
from typing import Any

from .. import factories as make

HEADER = "X-Openwisp-Controller"
#: A public address: unlike private ones it may belong to several devices.
PEER = "203.0.113.5"
MAC = "02:11:22:33:44:55"
KEY = "k" * 32
NO_NUL = "Null characters are not allowed."

#: The four views about one device: path and method.
CHECKSUM, DOWNLOAD = ("checksum", "GET"), ("download-config", "GET")
UPDATE_INFO, REPORT_STATUS = ("update-info", "POST"), ("report-status", "POST")
DEVICE_VIEWS = (CHECKSUM, DOWNLOAD, UPDATE_INFO, REPORT_STATUS)


def path(action: str, pk: Any = None, *, legacy: bool = True) -> str:
    """Return the path of an action; ``pk`` is a UUID or a text to put in its place."""
    key = pk.hex if isinstance(pk, uuid.UUID) else pk
    return f"/controller/{'' if legacy else 'device/'}{action}/" + (f"{key}/" if key is not None else "")


def call(client: Any, view: tuple[str, str], pk: Any, parameters: Any, *, peer: str = PEER, **extra: Any) -> Any:
    """Call one of the views about a device with query or form parameters."""
    action, method = view
    send = client.get if method == "GET" else client.post
    return send(path(action, pk), parameters, REMOTE_ADDR=peer, **extra)


def poll(client: Any, device: Any, *, peer: str = PEER, headers: Any = None, **query: str) -> Any:
    return call(client, CHECKSUM, device.pk, {"key": device.key, **query}, peer=peer, headers=headers)


def download(client: Any, device: Any, *, peer: str = PEER, headers: Any = None, **query: str) -> Any:
    return call(client, DOWNLOAD, device.pk, {"key": device.key, **query}, peer=peer, headers=headers)


def update_info(client: Any, device: Any, **form: str) -> Any:
    return call(client, UPDATE_INFO, device.pk, {"key": device.key, **form})


def report(client: Any, device: Any, status: str, **form: str) -> Any:
    return call(client, REPORT_STATUS, device.pk, {"key": device.key, "status": status, **form})


def enrolment(**parameters: str | None) -> dict[str, str]:
    """Return what a device posts to enrol; None leaves a parameter out."""
    usual = {"secret": make.SECRET, "name": "router", "mac_address": MAC, "backend": make.BACKEND, "key": KEY}
    return {name: value for name, value in {**usual, **parameters}.items() if value is not None}


def register(client: Any, *, peer: str = PEER, legacy: bool = True, **parameters: str | None) -> Any:
    return client.post(path("register", legacy=legacy), enrolment(**parameters), REMOTE_ADDR=peer)


def registered(device: Any, *, is_new: bool) -> str:
    """Return the body of a successful enrolment."""
    return (
        f"registration-result: success\nuuid: {device.pk.hex}\nkey: {device.key}\n"
        f"hostname: {device.name}\nis-new: {int(is_new)}\n"
    )


def assert_text(response: Any, status: int, body: str) -> None:
    """Check an answer of a view: status, bytes and headers."""
    assert (response.status_code, response.content.decode()) == (status, body)
    assert response.headers["Content-Type"] == "text/plain"
    assert response.headers[HEADER] == "true"
    assert response.headers["Content-Length"] == str(len(body.encode()))


def assert_not_found(response: Any) -> None:
    """Check the answer for an object that is not served."""
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert HEADER not in response.headers
    assert b"<h1>Not Found</h1>" in response.content


def files(archive: bytes) -> dict[str, str]:
    """Unpack an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        return {member.name: tar.extractfile(member).read().decode() for member in tar}  # type: ignore[union-attr]
