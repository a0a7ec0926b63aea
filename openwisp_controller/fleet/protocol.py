"""The device protocol from the client's side: requests, what answers mean, which answers break the rules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from .events import Endpoint
from .identity import Identity
from .storage import Credentials
from .transport import Reply, Request

BACKEND = "netjsonconfig.OpenWrt"
REASON_LIMIT = 1011
TRUNCATED = "\n[truncated]\n"

_REGISTER = "/controller/register/"
_CHECKSUM = re.compile(r"[0-9a-f]{32}")
_UUID = re.compile(r"[0-9a-f]{32}")
_SUCCESS = {
    Endpoint.UPDATE_INFO: re.compile("update-info: success"),
    Endpoint.REPORT_STATUS: re.compile("report-result: success\ncurrent-status: [a-z]+\n"),
}
_REGISTRATION_FIELDS = ("registration-result", "uuid", "key", "hostname", "is-new")
_GREPPED = ("uuid: ", "key: ", "hostname: ", "is-new: ")

# What a correct controller may answer to a device that behaves; a connection error is never its fault.
EXPECTED_STATUS: dict[Endpoint, frozenset[int]] = {
    Endpoint.REGISTER: frozenset({201, 400, 403, 404}),
    Endpoint.UPDATE_INFO: frozenset({200, 403, 404}),
    Endpoint.CHECKSUM: frozenset({200, 404}),
    Endpoint.DOWNLOAD: frozenset({200, 404}),
    Endpoint.REPORT_STATUS: frozenset({200, 404}),
}
_CONTENT_TYPE: dict[Endpoint, str] = dict.fromkeys(Endpoint, "text/plain") | {
    Endpoint.DOWNLOAD: "application/octet-stream"
}


@dataclass(frozen=True)
class Registration:
    """The successful answer to a registration."""

    credentials: Credentials
    hostname: str
    is_new: bool


def register(identity: Identity, secret: str, management_ip: str | None) -> Request:
    """Ask for enrolment; without management address the parameter is left out."""
    raw = [("backend", BACKEND), ("key", identity.key(secret))]
    if management_ip:
        raw.append(("management_ip", management_ip))
    encoded = [
        ("secret", secret),
        ("name", identity.name),
        ("hardware_id", identity.hardware_id),
        ("mac_address", identity.mac_address),
        ("tags", identity.tags),
        *_inventory(identity),
    ]
    return Request(Endpoint.REGISTER, _REGISTER, "&".join([_raw_form(raw), _form(encoded)]))


def checksum(credentials: Credentials, management_ip: str | None) -> Request:
    """Ask which configuration the device should have."""
    return Request(Endpoint.CHECKSUM, _get_target("checksum", credentials, management_ip))


def download(credentials: Credentials, management_ip: str | None) -> Request:
    """Fetch the configuration archive."""
    return Request(Endpoint.DOWNLOAD, _get_target("download-config", credentials, management_ip))


def update_info(credentials: Credentials, identity: Identity) -> Request:
    """Tell model, operating system and hardware."""
    form = _form([("key", credentials.key), *_inventory(identity)])
    return Request(Endpoint.UPDATE_INFO, _target("update-info", credentials), form)


def report_status(credentials: Credentials, status: str, error_reason: str | None = None) -> Request:
    """Report ``applied`` or ``error``, the latter with a reason, cut to the length the agent sends."""
    fields = [("key", credentials.key), ("status", status)]
    if error_reason is not None:
        fields.append(("error_reason", truncate_reason(error_reason)))
    return Request(Endpoint.REPORT_STATUS, _target("report-status", credentials), _form(fields))


def truncate_reason(reason: str) -> str:
    """Limit a reason to 1011 octets and the agent's marker."""
    encoded = reason.encode()
    if len(encoded) <= REASON_LIMIT:
        return reason
    return encoded[:REASON_LIMIT].decode("utf-8", "ignore") + TRUNCATED


def parse_registration(reply: Reply) -> Registration | None:
    """Read the answer to a registration as the agent does; None when uuid or key cannot be found in it."""
    found = _registration_fields(reply)
    uuid, key = found.get("uuid", ""), found.get("key", "")
    if not uuid or not key:
        return None
    return Registration(Credentials(uuid, key), found.get("hostname", ""), found.get("is-new") == "1")


def parse_checksum(reply: Reply) -> str:
    """Return the last line of an answer, which is what the agent compares."""
    return reply.text.rstrip("\n").rpartition("\n")[2]


def faults(endpoint: Endpoint, reply: Reply) -> Iterable[str]:
    """Yield what is wrong with an answer: status, header, content type, body."""
    if reply.status not in EXPECTED_STATUS[endpoint]:
        yield f"unexpected status {reply.status}: {_excerpt(reply)}"
    if needs_header(endpoint, reply.status) and not reply.from_controller:
        yield f"the X-Openwisp-Controller header is missing (status {reply.status})"
    if reply.status in (200, 201) and reply.status in EXPECTED_STATUS[endpoint]:
        if reply.content_type != _CONTENT_TYPE[endpoint]:
            yield f"content type {reply.content_type!r} instead of {_CONTENT_TYPE[endpoint]!r}"
        yield from _body_faults(endpoint, reply)


def needs_header(endpoint: Endpoint, status: int) -> bool:
    """Whether the agent distrusts an answer of that status when it lacks the controller header."""
    if endpoint is Endpoint.REGISTER:
        return True
    return status == 200 and endpoint is not Endpoint.DOWNLOAD


def _body_faults(endpoint: Endpoint, reply: Reply) -> Iterable[str]:
    if endpoint is Endpoint.REGISTER:
        yield from _registration_faults(reply)
    elif endpoint is Endpoint.CHECKSUM and not _CHECKSUM.fullmatch(reply.text):
        yield f"{_excerpt(reply)} is no checksum of 32 lower-case hexadecimal digits"
    elif endpoint in _SUCCESS and not _SUCCESS[endpoint].fullmatch(reply.text):
        yield f"malformed body {_excerpt(reply)}"


def _registration_faults(reply: Reply) -> Iterable[str]:
    for name, value in reply.headers.items():
        if any(word in f"{name}: {value}" for word in _GREPPED):
            yield f"the header {name!r} looks like a line of the body to the agent"
    lines = reply.text.split("\n")
    names = tuple(line.partition(": ")[0] for line in lines[:-1])
    if names != _REGISTRATION_FIELDS or lines[-1] != "":
        yield f"malformed registration body {_excerpt(reply)}"
        return
    values = dict(line.partition(": ")[::2] for line in lines[:-1])
    if values["registration-result"] != "success":
        yield f"registration-result is {values['registration-result']!r}"
    if not _UUID.fullmatch(values["uuid"]):
        yield f"uuid {values['uuid']!r} is not 32 lower-case hexadecimal digits"
    for name in ("key", "hostname"):
        if not values[name] or re.search(r"\s", values[name]):
            yield f"{name} {values[name]!r} is empty or has spaces"
    if values["is-new"] not in ("0", "1"):
        yield f"is-new is {values['is-new']!r}"


def _registration_fields(reply: Reply) -> dict[str, str]:
    """First word after each label, wherever a line has it, as grep and awk find it."""
    found: dict[str, str] = {}
    for line in reply.text.split("\n"):
        for label in ("uuid", "key", "hostname", "is-new"):
            if f"{label}: " in line and label not in found:
                found[label] = [*line.split(), "", ""][1]
    return found


def _inventory(identity: Identity) -> list[tuple[str, str]]:
    return [("model", identity.model), ("os", identity.os), ("system", identity.system)]


def _target(action: str, credentials: Credentials) -> str:
    return f"/controller/{action}/{credentials.uuid}/"


def _get_target(action: str, credentials: Credentials, management_ip: str | None) -> str:
    fields = [("key", credentials.key)] + ([("management_ip", management_ip)] if management_ip else [])
    return f"{_target(action, credentials)}?{_raw_form(fields)}"


def _form(fields: Iterable[tuple[str, str]]) -> str:
    return _raw_form((name, quote(value, safe="")) for name, value in fields)


def _raw_form(fields: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in fields)


def _excerpt(reply: Reply) -> str:
    text = reply.text
    return repr(text if len(text) <= 120 else text[:117] + "...")
