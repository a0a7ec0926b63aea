"""The short way of device requests through the server, without middleware."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib import messages
from django.urls import reverse
from django.utils import translation

from openwisp_controller.config import signals
from openwisp_controller.config.models import Config, Device

from .. import factories as make
from .conftest import ShortPath
from .protocol import (
    DEVICE_VIEWS,
    HEADER,
    MAC,
    assert_not_found,
    assert_text,
    call,
    download,
    enrolment,
    files,
    path,
    poll,
    register,
    registered,
    report,
    update_info,
)

pytestmark = pytest.mark.django_db
#: What the middleware adds; devices have no use for it.
MIDDLEWARE_HEADERS = {
    "Content-Language", "Cross-Origin-Opener-Policy", "Referrer-Policy", "Vary", "X-Content-Type-Options",
    "Content-Security-Policy",
    "X-Frame-Options",
}  # fmt: skip


@pytest.fixture
def device(organization: Any) -> Device:
    return make.config(make.device(organization, "router")).device


def same(one: Any, other: Any) -> bool:
    return (one.status_code, one.content, own_headers(one)) == (other.status_code, other.content, own_headers(other))


def own_headers(response: Any) -> dict[str, str]:
    """Return the headers that do not come from the middleware; it also measures the framework's own pages."""
    foreign = MIDDLEWARE_HEADERS | ({"Content-Length"} if response.status_code == 404 else set())
    return {name: value for name, value in response.headers.items() if name not in foreign}


def test_life_of_a_device(short_path: ShortPath, organization: Any) -> None:
    response = register(short_path)
    device = Device.objects.get()
    assert_text(response, 201, registered(device, is_new=True))
    assert_text(update_info(short_path, device, model="x"), 200, "update-info: success")
    assert_text(poll(short_path, device), 200, device.config.checksum)
    assert "etc/config/system" in files(download(short_path, device).content)
    assert_text(report(short_path, device, "applied"), 200, "report-result: success\ncurrent-status: applied\n")
    device.refresh_from_db()
    assert (device.model, Config.objects.get().status) == ("x", "applied")


@pytest.mark.parametrize("view", DEVICE_VIEWS, ids=lambda view: view[0])
@pytest.mark.parametrize("pk", ["right", "0" * 32, "A" * 32, "malformed"])
def test_same_answers_as_through_the_middleware(
    client: Any, short_path: ShortPath, device: Device, view: tuple[str, str], pk: str
) -> None:
    pk = device.pk.hex if pk == "right" else pk
    for parameters in ({}, {"key": ""}, {"key": "x"}, {"key": device.key}, {"key": device.key, "status": "error"}):
        long, short = (call(way, view, pk, parameters) for way in (client, short_path))
        assert same(long, short), parameters


@pytest.mark.parametrize("missing", ["secret", "name", "mac_address", "backend"])
def test_same_refusals_of_registration(client: Any, short_path: ShortPath, organization: Any, missing: str) -> None:
    for value in (None, "x"):
        long, short = (register(way, **{missing: value}) for way in (client, short_path))
        assert same(long, short)


def test_same_registration(client: Any, short_path: ShortPath, device: Device) -> None:
    form = {"key": device.key, "name": device.name, "mac_address": device.mac_address}
    long, short = (register(way, **form) for way in (client, short_path))
    assert_text(short, 201, registered(device, is_new=False))
    assert same(long, short)


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("view", DEVICE_VIEWS, ids=lambda view: view[0])
def test_methods(short_path: ShortPath, device: Device, view: tuple[str, str], legacy: bool) -> None:
    url = path(view[0], device.pk, legacy=legacy)
    allowed = "GET, HEAD, OPTIONS" if view[1] == "GET" else "POST, OPTIONS"
    for method, status in (("PUT", 405), ("DELETE", 405), ("OPTIONS", 200), ("TRACE", 405)):
        response = short_path.request(method, url)
        assert (response.status_code, response.content, response.headers["Allow"]) == (status, b"", allowed)
        assert response.headers["Content-Length"] == "0"
        assert HEADER not in response.headers
    head = short_path.request("HEAD", f"{url}?key={device.key}")
    assert head.status_code == (200 if view[1] == "GET" else 405)


@pytest.mark.parametrize(
    "url", ["/controller/register", "/controller/device/register", f"/controller/checksum/{'a' * 32}"]
)
def test_missing_slash(short_path: ShortPath, url: str, db: Any) -> None:
    response = short_path.request("GET", f"{url}?key=x")
    assert (response.status_code, response.headers["Location"]) == (301, f"{url}/?key=x")
    assert HEADER not in response.headers


@pytest.mark.parametrize("url", ["/controller/", "/controller/nothing/", "/controller/checksum/", "/controller/\xff/"])
def test_unknown_address(short_path: ShortPath, url: str, db: Any) -> None:
    assert_not_found(short_path.request("GET", url))


def test_host_does_not_matter(short_path: ShortPath, device: Device, settings: Any) -> None:
    """Devices reach their controller by whatever name they were told."""
    settings.ALLOWED_HOSTS = ["controller.example.org"]
    assert poll(short_path, device, headers=None).status_code == 200
    assert short_path.get(path("checksum", device.pk), {"key": device.key}, HTTP_HOST="10.0.0.1").status_code == 200


def test_others_take_the_usual_way(short_path: ShortPath, db: Any) -> None:
    for url in ("/admin/login/", "/controllers/"):
        assert "X-Content-Type-Options" in short_path.get(url).headers


def test_device_requests_pass_no_middleware(short_path: ShortPath, device: Device) -> None:
    assert not MIDDLEWARE_HEADERS & set(poll(short_path, device).headers)


def test_bodies_are_bounded(short_path: ShortPath, organization: Any, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    assert_text(short_path.post(path("register"), enrolment()), 400, "error: malformed request\n")


def test_language_of_an_earlier_request_in_the_thread(short_path: ShortPath, device: Device) -> None:
    """The thread may have served a page in another language before."""
    with translation.override("it"):
        response = register(short_path, name="router", mac_address=MAC)
        assert translation.get_language() == "it"
    assert_text(response, 400, "Device with this Name and Organization already exists.")


def looked_at(request: Any) -> list[Any]:
    """What receivers may ask of a request."""
    request.session["seen"] = True
    messages.info(request, "hello")
    return [
        request.user.is_authenticated, request.user.is_anonymous, str(request.user), request.user.pk,
        request.user.has_perm("config.view_device"), dict(request.session.items()), "other" in request.session,
        [str(message) for message in messages.get_messages(request)], request.META["REMOTE_ADDR"], request.get_host(),
        request.build_absolute_uri("/x"), request.headers.get("X-Nothing"), request.method, request.path,
        request.is_secure(), request.resolver_match.view_name, request.resolver_match.kwargs,
        async_to_sync(request.auser)().is_anonymous, request.LANGUAGE_CODE,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["checksum_requested", "config_download_requested"])
@pytest.mark.parametrize("of", ["device", "vpn"])
def test_receivers_look_at_the_request_as_through_the_middleware(
    client: Any, short_path: ShortPath, device: Device, organization: Any, name: str, of: str
) -> None:
    action = "checksum" if name == "checksum_requested" else "download-config"
    served = device if of == "device" else make.vpn(organization)
    url = f"/controller/{action if of == 'device' else f'vpn/{action}'}/{served.pk.hex}/"
    seen: list[Any] = []

    def receive(request: Any, **arguments: Any) -> None:
        seen.append(looked_at(request))

    with connected(getattr(signals, name), receive):
        answers = [way.get(url, {"key": served.key}) for way in (client, short_path)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(seen) == 2
    assert seen[0] == seen[1]


def test_receivers_know_who_looks_with_a_browser(
    root: Any, short_path: ShortPath, device: Device, settings: Any
) -> None:
    cookie = f"{settings.SESSION_COOKIE_NAME}={root.cookies[settings.SESSION_COOKIE_NAME].value}"
    seen: list[str] = []

    def receive(request: Any, **arguments: Any) -> None:
        seen.append(str(request.user))

    with connected(signals.checksum_requested, receive):
        for value in (cookie, "sessionid=nonsense", ""):
            short_path.get(path("checksum", device.pk), {"key": device.key}, HTTP_COOKIE=value)
    assert seen == ["root", "AnonymousUser", "AnonymousUser"]


@pytest.mark.parametrize(
    ("host", "told"), [("10.0.0.1", "testserver"), ("a b", "testserver"), ("good.org", "good.org")]
)
def test_receivers_ask_for_the_host(short_path: ShortPath, device: Device, settings: Any, host: str, told: str) -> None:
    settings.ALLOWED_HOSTS = ["good.org"]
    seen: list[str] = []

    def receive(request: Any, **arguments: Any) -> None:
        seen.append(request.get_host())

    with connected(signals.checksum_requested, receive):
        assert short_path.get(path("checksum", device.pk), {"key": device.key}, HTTP_HOST=host).status_code == 200
    assert seen == [told]


def test_what_nobody_asks_for_costs_nothing(
    short_path: ShortPath, device: Device, django_assert_num_queries: Any
) -> None:
    for queries in (None, 1):  # the first one stores the address
        with django_assert_num_queries(queries) if queries else nullcontext():
            short_path.get(path("checksum", device.pk), {"key": device.key}, HTTP_COOKIE="sessionid=nonsense")


@contextmanager
def connected(signal: Any, receiver: Any) -> Iterator[None]:
    signal.connect(receiver)
    try:
        yield
    finally:
        signal.disconnect(receiver)


def test_receivers_find_the_addresses_of_the_whole_server(short_path: ShortPath, device: Device) -> None:
    found: list[str] = []

    def receive(**arguments: Any) -> None:
        found.append(reverse("admin:index"))
        found.append(reverse("controller:checksum_legacy", args=[device.pk.hex]))

    signals.checksum_requested.connect(receive)
    try:
        response = poll(short_path, device)
    finally:
        signals.checksum_requested.disconnect(receive)
    assert response.status_code == 200
    assert found == ["/admin/", path("checksum", device.pk)]
