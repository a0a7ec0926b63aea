"""What the four views about one device have in common: who is served, the key, methods and addresses."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from openwisp_controller.config.device_api import responses
from openwisp_controller.config.models import Config, Device

from .. import factories as make
from ..recorder import SignalRecorder
from .protocol import DEVICE_VIEWS, HEADER, PEER, REPORT_STATUS, assert_not_found, assert_text, call, path

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.parametrize("view", DEVICE_VIEWS, ids=lambda view: view[0]),
]
View = tuple[str, str]
MALFORMED = b"error: malformed request\n"


@pytest.fixture
def device(organization: Any) -> Device:
    return make.config(organization).device


def good(device: Device) -> dict[str, str]:
    """Parameters that every view accepts."""
    return {"key": device.key, "status": "applied"}


def call_well(client: Any, view: View, device: Device) -> Any:
    return call(client, view, device.pk, good(device))


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("spelling", ["hex", "dashed"])
def test_paths(client: Any, view: View, device: Device, legacy: bool, spelling: str) -> None:
    pk = device.pk.hex if spelling == "hex" else str(device.pk)
    url = path(view[0], pk, legacy=legacy)
    name = view[0].replace("-", "_")
    assert reverse(f"controller:{name}_legacy" if legacy else f"controller:device_{name}", args=[pk]) == url
    response = client.generic(
        view[1],
        f"{url}?key={device.key}",
        f"key={device.key}&status=applied",
        content_type="application/x-www-form-urlencoded",
    )
    assert response.status_code == 200
    assert response.headers[HEADER] == "true"


@pytest.mark.parametrize(
    "change",
    [str.upper, lambda pk: pk[:-1], lambda pk: pk + "0", lambda pk: pk[:8] + "-" + pk[8:], lambda pk: "x" * 32],
)
def test_malformed_identifier(client: Any, view: View, organization: Any, change: Any) -> None:
    device = make.config(make.device(organization, id=uuid.UUID("abcdefab" * 4))).device
    assert_not_found(call(client, view, change(device.pk.hex), good(device)))


def test_methods(client: Any, view: View, device: Device, recorded: SignalRecorder) -> None:
    url = path(view[0], device.pk)
    allowed = "GET, HEAD, OPTIONS" if view[1] == "GET" else "POST, OPTIONS"
    others = ["PUT", "PATCH", "DELETE", *(["POST"] if view[1] == "GET" else ["GET", "HEAD"])]
    for method in others:
        response = client.generic(method, f"{url}?key={device.key}")
        assert (response.status_code, response.content, response.headers["Allow"]) == (405, b"", allowed)
        assert HEADER not in response.headers
    for target in (url, path(view[0], uuid.uuid4())):
        response = client.options(target)
        assert (response.status_code, response.content, response.headers["Allow"]) == (200, b"", allowed)
        assert response.headers["Content-Length"] == "0"
        assert HEADER not in response.headers
    assert recorded.names == []


def unknown(device: Device) -> None:
    Device.objects.all().delete()


def without_configuration(device: Device) -> None:
    device.config.delete()


def deactivated(device: Device) -> None:
    Config.objects.update(status="deactivated")


def disabled_organization(device: Device) -> None:
    device.organization.is_active = False
    device.organization.save()


@pytest.mark.parametrize("parameters", ["right", "wrong", "none", "zeros"])
@pytest.mark.parametrize("make_so", [unknown, without_configuration, deactivated, disabled_organization])
def test_not_served(
    client: Any, view: View, device: Device, recorded: SignalRecorder, make_so: Any, parameters: str
) -> None:
    """It does not depend on the key, and looks like an address that does not exist."""
    sent = {"right": good(device), "wrong": {"key": "x", "status": "x"}, "none": {}, "zeros": {"key": "0" * 32}}
    make_so(device)
    response = call(client, view, device.pk, sent[parameters])
    assert_not_found(response)
    assert response.content == client.get("/controller/nothing/").content
    assert recorded.names == []


def test_deactivated_device_is_served_until_it_has_wiped_itself(client: Any, view: View, organization: Any) -> None:
    device = make.config(organization, config={"interfaces": [{"name": "eth0", "type": "ethernet"}]}).device
    device.deactivate()
    response = call_well(client, view, device)
    assert response.status_code == (403 if view[0] == "update-info" else 200)


@pytest.mark.parametrize("key", [None, ""])
def test_missing_key(client: Any, view: View, device: Device, recorded: SignalRecorder, key: str | None) -> None:
    parameters = {"status": "applied"} | ({} if key is None else {"key": key})
    response = call(client, view, device.pk, parameters)
    assert_text(response, 400, 'error: missing required parameter "key"\n')
    assert recorded.names == []


@pytest.mark.parametrize("key", ["x", "0" * 32, "nul\x00", "\ufffd", "ключ", " "])
def test_wrong_key(client: Any, view: View, device: Device, recorded: SignalRecorder, key: str) -> None:
    assert_text(call(client, view, device.pk, {"key": key, "status": "x"}), 403, "error: wrong key\n")
    assert recorded.names == []


def test_key_with_invalid_utf8(client: Any, view: View, device: Device) -> None:
    response = client.generic(
        view[1], path(view[0], device.pk) + "?key=%ff", "key=%ff", content_type="application/x-www-form-urlencoded"
    )
    assert_text(response, 403, "error: wrong key\n")


def test_empty_stored_key_opens_nothing(client: Any, view: View, device: Device) -> None:
    Device.objects.update(key="")
    for key in ("0" * 32, "x"):
        assert_text(call(client, view, device.pk, {"key": key}), 403, "error: wrong key\n")


def test_key_replaced_behind_our_back_counts_at_once(client: Any, view: View, device: Device) -> None:
    assert call_well(client, view, device).status_code == 200
    Device.objects.update(key="replaced")
    assert call_well(client, view, device).status_code == 403
    assert call(client, view, device.pk, {"key": "replaced", "status": "applied"}).status_code == 200


def test_parameters_come_from_one_place(client: Any, view: View, device: Device) -> None:
    """GET views read the query alone, POST views the form alone; JSON is no form."""
    url = path(view[0], device.pk)
    if view[1] == "GET":
        response = client.generic("GET", url, f"key={device.key}", content_type="application/x-www-form-urlencoded")
        assert response.status_code == 400
        return
    assert client.post(f"{url}?key={device.key}&status=applied").status_code == 400
    assert client.post(url, good(device), content_type="application/json").status_code == 400
    assert client.post(url, good(device)).status_code == 200  # multipart


def test_key_is_compared_in_constant_time(
    client: Any, view: View, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert responses.constant_time_compare is constant_time_compare
    compared: list[tuple[str, str]] = []

    def compare(given: str, stored: str) -> bool:
        compared.append((given, stored))
        return False

    monkeypatch.setattr(responses, "constant_time_compare", compare)
    call(client, view, device.pk, good(device))
    assert compared == [(device.key, device.key)]
    # an unknown device costs the same comparison
    call(client, view, uuid.uuid4(), good(device))
    assert compared[1:] == [(device.key, "0" * 32)]


def test_refusals_are_logged(client: Any, view: View, device: Device, caplog: pytest.LogCaptureFixture) -> None:
    call(client, view, device.pk, {"key": "guess"})
    records = [record for record in caplog.records if record.name == responses.__name__]
    (record,) = records
    assert record.levelno == logging.WARNING
    assert record.request.path == path(view[0], device.pk)  # type: ignore[attr-defined]
    assert "guess" not in record.getMessage()


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_database_away(client: Any, view: View, device: Device, error: type[Exception]) -> None:
    def fail(*arguments: Any) -> None:
        raise error("the database is gone")

    with connection.execute_wrapper(fail):
        response = call_well(client, view, device)
    assert_text(response, 503, "error: temporarily unavailable, please try again later\n")
    assert response.headers["Retry-After"] == "30"


def test_malformed_request(client: Any, view: View, device: Device, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2
    many = "&".join(f"a{number}=1" for number in range(4))
    url = path(view[0], device.pk) + (f"?{many}" if view[1] == "GET" else "")
    contents = ["application/x-www-form-urlencoded"]
    if view[1] == "POST":
        contents += ["multipart/form-data; boundary=", "application/x-www-form-urlencoded; charset=latin-1"]
    for content_type in contents:
        response = client.generic(view[1], url, many, content_type=content_type)
        assert (response.status_code, response.content) == (400, MALFORMED), content_type
        assert response.headers[HEADER] == "true"


def test_csrf_is_not_asked_for(view: View, device: Device) -> None:
    from django.test import Client

    assert call_well(Client(enforce_csrf_checks=True), view, device).status_code == 200


def test_message_is_in_the_language_of_the_server(client: Any, view: View, device: Device) -> None:
    response = call(
        client, view, device.pk, {**good(device), "os": "x" * 129}, peer=PEER, headers={"Accept-Language": "it"}
    )
    if view[0] == "update-info":
        assert "Ensure this value has at most 128 characters" in response.content.decode()
    else:
        assert response.status_code == 200


def test_deleted_since_it_was_looked_up(
    client: Any, view: View, device: Device, recorded: SignalRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openwisp_controller.config.device_api import lookup

    find = lookup.find

    def find_and_delete(*arguments: Any, **options: Any) -> Any:
        served = find(*arguments, **options)
        Device.objects.all().delete()
        return served

    monkeypatch.setattr(lookup, "find", find_and_delete)
    recorded.clear()
    for peer in (None, PEER):
        Device.objects.update(last_ip=peer)
        response = call(client, view, device.pk, good(device))
        if view[1] == "GET":
            assert_not_found(response)
        else:
            assert response.status_code == 200
    assert "checksum_requested" not in recorded.names
    assert "config_download_requested" not in recorded.names


def test_status_is_checked_after_the_key(client: Any, view: View, device: Device) -> None:
    if view == REPORT_STATUS:
        assert_text(call(client, view, device.pk, {"key": "x", "status": "x"}), 403, "error: wrong key\n")
