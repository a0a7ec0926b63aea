"""The device protocol from the client's side: requests, and what the agent reads in the answers."""

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

REGISTRATION_LABELS = ("uuid", "key", "hostname", "is-new")

_REGISTER = "/controller/register/"


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


def checks_header(endpoint: Endpoint, status: int) -> bool:
    """Whether the agent takes an answer of that status for one of a controller only by the header."""
    return endpoint is Endpoint.REGISTER or (status == 200 and endpoint is not Endpoint.DOWNLOAD)


def parse_status(reply: Reply) -> str:
    """Return the resulting status that the answer to a report tells, or the empty text."""
    found = re.search(r"^current-status: (\S+)$", reply.text, re.MULTILINE)
    return found[1] if found else ""


def _registration_fields(reply: Reply) -> dict[str, str]:
    """Second word of the first line that has the label, headers included, as grep and awk find it."""
    found: dict[str, str] = {}
    for line in [*(f"{name}: {value}" for name, value in reply.headers), *reply.text.split("\n")]:
        for label in REGISTRATION_LABELS:
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
