"""The endpoints of the device protocol. Each parses, calls one function and answers."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable
from functools import partial

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict

from ...common.prepared import Parameter, Prepared
from ...common.sql import BOOKKEEPING_PATIENCE, UNAVAILABLE, forget_outdated_relations, impatient
from ..compiling.compilation import Compilation
from ..compiling.outcome import Why
from ..devices import downloads, enrolment, reports, sightings
from ..devices import management_ip as management_ips
from ..models import Cause, Config, Device, Vpn
from ..policy.evaluation import has_receivers, send_now
from ..settings import settings
from ..unit_of_work import unit_of_work
from ..vpn import servers
from ..whois import service
from . import addresses, lookup, throttle
from .responses import Answer, NotServed, archive, check_key, device_view, required, required_one_of, text

logger = logging.getLogger(__name__)
_NO_KEY = "0" * 32
_Find = Callable[[uuid.UUID], lookup.Served | None]
#: What a device may report.
REPORTED = (Config.Status.APPLIED, Config.Status.ERROR)


@device_view("POST")
def register(request: HttpRequest) -> HttpResponse:
    """Enrol a device, or recognise it by its key."""
    if not settings.REGISTRATION_ENABLED:
        raise Answer("error: registration disabled", 403)
    posted = request.POST
    secret, name, mac_address = (required(posted, field) for field in ("secret", "name", "mac_address"))
    backend = required_one_of(posted, "backend", {path for path, _ in settings.BACKENDS})
    peer = addresses.peer(request)
    try:
        result = enrolment.register(
            enrolment.EnrolmentRequest(
                secret=secret,
                name=name,
                mac_address=mac_address,
                backend=backend,
                key=posted.get("key", ""),
                hardware_id=posted.get("hardware_id", ""),
                management_ip=posted.get("management_ip", ""),
                last_ip=peer,
                tags=posted.get("tags", "").split(),
                inventory={field: posted[field] for field in enrolment.INVENTORY if field in posted},
            ),
            before_foreign=lambda: throttle.count_failure(peer),
        )
    except enrolment.Refused as refusal:
        if isinstance(refusal, enrolment.UnknownSecret):
            throttle.count_failure(peer)
        raise Answer(refusal.message, refusal.status) from None
    device = result.device
    sightings.note(device.pk)
    return text(
        "registration-result: success\n"
        f"uuid: {device.pk.hex}\n"
        f"key: {device.key}\n"
        f"hostname: {device.name}\n"
        f"is-new: {int(result.is_new)}\n",
        201,
    )


@device_view("GET", "HEAD")
def checksum(request: HttpRequest, pk: str) -> HttpResponse:
    """Answer with the MD5 of the archive that the device may download."""
    device_id = uuid.UUID(pk)
    served = _authenticated(request, device_id, _find_polling())
    _account(request, device_id, served, addresses.CHECKSUM)
    if served.whois is not None:
        _look_up_address(request, device_id, served, served.whois)
    return text(str(served.checksum))


@device_view("GET", "HEAD")
def download_config(request: HttpRequest, pk: str) -> HttpResponse:
    """Answer with the archive; remember that the device has it now."""
    device_id = uuid.UUID(pk)
    served = _authenticated(request, device_id, partial(lookup.find, archive=True))
    if served.downloaded_id != served.released_id and request.method == "GET":
        downloads.note(device_id, served.released_id, former=served.downloaded_id)
    _account(request, device_id, served, addresses.DOWNLOAD)
    assert served.archive is not None
    return archive(served.archive, served.name)


@device_view("POST")
def update_info(request: HttpRequest, pk: str) -> HttpResponse:
    """Store what a device says about its model and software; empty values are ignored."""
    with unit_of_work():
        device = _locked(request, uuid.UUID(pk))
        sightings.note(device.pk)
        if device.is_deactivated():
            raise Answer("error: device deactivated", 403)
        changed = []
        for name in enrolment.INVENTORY:
            value = request.POST.get(name, "").strip()
            if value and value != getattr(device, name):
                setattr(device, name, value)
                changed.append(name)
        try:
            enrolment.check_inventory(device, changed)
        except ValidationError as error:
            return text(json.dumps(error.message_dict, indent=4, sort_keys=True), 400)
        if changed:
            device.save(update_fields=[*changed, "modified"])
    return text("update-info: success")


@device_view("POST")
def report_status(request: HttpRequest, pk: str) -> HttpResponse:
    """Take in whether the device could apply what it downloaded; one that says nothing new writes and locks nothing."""
    device_id = uuid.UUID(pk)
    known = lookup.find_reporting(device_id)
    _check_key(request.POST, known.key if known is not None else None)
    assert known is not None
    sightings.note(device_id)
    status = required_one_of(request.POST, "status", REPORTED)
    reason = request.POST.get("error_reason")
    state, after = known.state, known.state.after(status, reason)
    if downloads.owed(device_id, downloaded_id=state.downloaded_id, released_id=state.released_id) is None:
        is_for_us_alone = not has_receivers(Config, "status changed")
        if after == state or (is_for_us_alone and reports.take_in_at_once(device_id, state, after)):
            return _taken_in(after.status)
    with unit_of_work():
        device = _locked(request, device_id)
        downloads.settle(device.config)
        reports.take_in(device.config, status, reason)
    return _taken_in(device.config.status)


def _taken_in(status: str) -> HttpResponse:
    return text(f"report-result: success\ncurrent-status: {status}\n")


@device_view("GET", "HEAD")
def vpn_checksum(request: HttpRequest, pk: str) -> HttpResponse:
    """Answer a VPN server with the MD5 of the archive that it may download."""
    vpn_id = uuid.UUID(pk)
    served = _authenticated_server(request, vpn_id)
    _announce_server(request, vpn_id, addresses.CHECKSUM)
    return text(str(served.checksum))


@device_view("GET", "HEAD")
def vpn_download_config(request: HttpRequest, pk: str) -> HttpResponse:
    """Answer a VPN server with the archive of its configuration."""
    vpn_id = uuid.UUID(pk)
    served = _authenticated_server(request, vpn_id, archive=True)
    _announce_server(request, vpn_id, addresses.DOWNLOAD)
    assert served.archive is not None
    return archive(served.archive, served.name)


def _authenticated_server(request: HttpRequest, vpn_id: uuid.UUID, archive: bool = False) -> lookup.ServedServer:
    """Check the key of a VPN server; return what is served, compiled first if it never was."""
    served = lookup.find_server(vpn_id, archive=archive)
    _check_key(request.GET, served.key if served is not None else None)
    if served is not None and served.checksum is None:
        servers.compile_now(vpn_id)
        served = lookup.find_server(vpn_id, archive=archive)
    if served is None:
        raise NotServed
    if served.checksum is None:
        raise Answer("error: the configuration cannot be generated, please try again later\n", 503, retry_after=30)
    return served


def _announce_server(request: HttpRequest, vpn_id: uuid.UUID, event: str) -> None:
    if has_receivers(Vpn, event):
        vpn = Vpn.objects.select_related("organization").filter(pk=vpn_id).first()
        if vpn is None:
            raise NotServed  # deleted since it was looked up
        send_now(vpn, event, request=request)


def _find_polling() -> _Find:
    """Return how to find what is served to a device that polls; the address matters where WHOIS is configured."""
    return lookup.find_with_whois if settings.is_whois_configured else lookup.find


def _authenticated(request: HttpRequest, device_id: uuid.UUID, find: _Find) -> lookup.Served:
    """Check the key; return what is served, compiled first if it never was."""
    served = find(device_id)
    _check_key(request.GET, served.key if served is not None else None)
    if served is not None and served.checksum is None:
        _compile(device_id)
        served = find(device_id)
    if served is None:
        raise NotServed
    sightings.note(device_id)
    if served.checksum is None:
        raise Answer("error: the configuration cannot be generated, please try again later\n", 503, retry_after=30)
    return served


def _check_key(parameters: QueryDict, key: str | None) -> None:
    """Check the key of a device; None = it is not served, which costs the same and says nothing about the key."""
    try:
        check_key(parameters, _NO_KEY if key is None else key)
    except Answer:
        if key is not None:
            raise
    if key is None:
        raise NotServed


def _compile(device_id: uuid.UUID) -> None:
    """Compile a configuration that was stored by other means than our own code."""
    with unit_of_work() as unit:
        without = lookup.served_configs().filter(device_id=device_id, released=None)
        for config in without.select_for_update(of=("self",), no_key=True):
            unit.consider_locked(Config, [config.pk])
            # one that is marked, or failed before, is announced as it would be by a worker
            cause = Cause(config.stale_cause) if config.stale_cause else Cause.INPUTS if config.compile_error else None
            unit.of(Compilation).request_claimed(config.pk, Why(cause or Cause.CREATED, config.stale_detail))


def _account(request: HttpRequest, device_id: uuid.UUID, served: lookup.Served, event: str) -> None:
    """Keep the books about addresses and report what was asked for; costs nothing when nothing is to be told."""
    last_ip, management_ip = addresses.peer(request, served.last_ip), addresses.claimed_management_ip(request)
    known = (
        management_ip is addresses.UNKNOWN
        or addresses.same(served.management_ip, management_ip)
        or management_ips.was_refused(device_id, management_ip)
    )
    if not known or not (last_ip is None or addresses.same(served.last_ip, last_ip)):
        _store_addresses(device_id, request)
    if has_receivers(Device, event):
        device = Device.objects.select_related("organization", "config").filter(pk=device_id).first()
        if device is None:
            raise NotServed  # deleted since it was looked up
        send_now(device, event, request=request)


def _look_up_address(request: HttpRequest, device_id: uuid.UUID, served: lookup.Served, whois: lookup.Whois) -> None:
    """Have the address looked up in the background, where nothing is known about it, or nothing fresh.

    One that came with this request was stored, and looked at, as a new one.
    """
    is_enabled = settings.WHOIS_ENABLED if whois.is_enabled is None else whois.is_enabled
    if whois.is_fresh or whois.is_deactivated or not is_enabled:
        return
    if addresses.same(served.last_ip, addresses.peer(request, served.last_ip)):
        service.ask_again(device_id, served.last_ip)


def _store_addresses(device_id: uuid.UUID, request: HttpRequest) -> None:
    """Store where a device is; a database that cannot write now is told so by the next request."""
    try:
        with impatient(BOOKKEEPING_PATIENCE):
            device = addresses.update(device_id, request)
    except UNAVAILABLE as error:
        logger.warning("The addresses of device %s are stored at a later request: %s", device_id, error)
        return
    if device is None:
        raise NotServed


def _locked(request: HttpRequest, device_id: uuid.UUID) -> Device:
    """Return the device, locked before its configuration as everywhere else, once its key is checked."""
    config = _config_of.first(device=device_id)
    _check_key(request.POST, config.device.key if config is not None else None)
    assert config is not None
    forget_outdated_relations(config, "released", "downloaded")
    return config.device


_config_of = Prepared[Config](
    lambda: (
        lookup.served_configs()
        .filter(device=Parameter("device", Device))
        .select_related("device", "device__organization", "released", "downloaded")
        .defer("released__archive", "downloaded__archive")
        .select_for_update(of=("device", "self"), no_key=True)
        .order_by()
    )
)
