"""The rules of the protocol: which answers a device must never get."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .events import Endpoint
from .protocol import REGISTRATION_LABELS
from .transport import CONTROLLER_HEADER, Reply

KNOWN_STATUSES = frozenset({"modified", "applied", "error", "deactivating", "deactivated"})
TEMPORARILY_UNAVAILABLE = 503

# What a correct controller may answer to a device that behaves; a connection error is never its fault.
EXPECTED_STATUS: dict[Endpoint, frozenset[int]] = {
    Endpoint.REGISTER: frozenset({201, 400, 403, 404, TEMPORARILY_UNAVAILABLE}),
    Endpoint.UPDATE_INFO: frozenset({200, 403, 404, TEMPORARILY_UNAVAILABLE}),
    Endpoint.CHECKSUM: frozenset({200, 404, TEMPORARILY_UNAVAILABLE}),
    Endpoint.DOWNLOAD: frozenset({200, 404, TEMPORARILY_UNAVAILABLE}),
    Endpoint.REPORT_STATUS: frozenset({200, 404, TEMPORARILY_UNAVAILABLE}),
}
_CONTENT_TYPE: dict[Endpoint, str] = dict.fromkeys(Endpoint, "text/plain") | {
    Endpoint.DOWNLOAD: "application/octet-stream"
}
# A 404 for an object that does not exist comes from the framework, an unexpected error from anywhere.
_STATUS_WITH_HEADER = frozenset({200, 201, 400, 403, TEMPORARILY_UNAVAILABLE})
_REGISTRATION_LINES = ("registration-result", *REGISTRATION_LABELS)
_HEXADECIMAL = re.compile(r"[0-9a-f]{32}")
_REPORT = re.compile("report-result: success\ncurrent-status: ([^\n]*)\n")


def violations(endpoint: Endpoint, reply: Reply) -> Iterator[str]:
    """Yield, for people, what is wrong with an answer: status, headers, content type, body."""
    for status in reply.interim:
        yield f"an interim answer {status} came before the final one; the agent takes its first line for the status"
    if reply.status not in EXPECTED_STATUS[endpoint]:
        yield f"unexpected status {reply.status}: {_excerpt(reply.text)}"
    yield from _header_violations(endpoint, reply)
    if reply.status == (201 if endpoint is Endpoint.REGISTER else 200):
        if reply.content_type != _CONTENT_TYPE[endpoint]:
            yield f"content type {reply.content_type!r} instead of {_CONTENT_TYPE[endpoint]!r}"
        yield from _body_violations(endpoint, reply)


def _header_violations(endpoint: Endpoint, reply: Reply) -> Iterator[str]:
    values = reply.header(CONTROLLER_HEADER)
    if len(values) > 1:
        yield f"the {CONTROLLER_HEADER} header came {len(values)} times"
    if not reply.from_controller and (endpoint is Endpoint.REGISTER or reply.status in _STATUS_WITH_HEADER):
        what = f"is {values[0]!r}" if values else "is missing"
        yield f"the {CONTROLLER_HEADER} header {what} (status {reply.status})"
    if endpoint is Endpoint.REGISTER:
        for name, value in reply.headers:
            line = f"{name}: {value}\n{name.lower()}: "  # some transports write all names in lower case
            if any(f"{label}: " in line for label in REGISTRATION_LABELS):
                yield f"the header {name!r} looks like a line of the body to the agent"


def _body_violations(endpoint: Endpoint, reply: Reply) -> Iterator[str]:
    text = reply.text
    if endpoint is Endpoint.REGISTER:
        yield from _registration_violations(text)
    elif endpoint is Endpoint.CHECKSUM:
        yield from _checksum_violations(text)
    elif endpoint is Endpoint.UPDATE_INFO and text != "update-info: success":
        yield f"malformed body {_excerpt(text)}"
    elif endpoint is Endpoint.REPORT_STATUS:
        report = _REPORT.fullmatch(text)
        if report is None:
            missing = " without current-status" if "current-status: " not in text else ""
            yield f"malformed body {_excerpt(text)}{missing}"
        elif report[1] not in KNOWN_STATUSES:
            yield f"current-status is {_excerpt(report[1])}, which is none of {', '.join(sorted(KNOWN_STATUSES))}"


def _checksum_violations(text: str) -> Iterator[str]:
    if not _HEXADECIMAL.fullmatch(text):
        ends = " followed by a line end" if _HEXADECIMAL.fullmatch(text.rstrip("\r\n")) else ""
        yield f"{_excerpt(text)} is no checksum of 32 lower-case hexadecimal digits{ends}"


def _registration_violations(text: str) -> Iterator[str]:
    lines = text.split("\n")
    if tuple(line.partition(": ")[0] for line in lines) != (*_REGISTRATION_LINES, ""):
        yield f"malformed registration body {_excerpt(text)}"
        return
    values = dict(line.partition(": ")[::2] for line in lines)
    if values["registration-result"] != "success":
        yield f"registration-result is {values['registration-result']!r}"
    if not _HEXADECIMAL.fullmatch(values["uuid"]):
        yield f"uuid {values['uuid']!r} is not 32 lower-case hexadecimal digits"
    for name in ("key", "hostname"):
        if not values[name] or re.search(r"\s", values[name]):
            yield f"{name} {values[name]!r} is empty or has spaces"
    if values["is-new"] not in ("0", "1"):
        yield f"is-new is {values['is-new']!r}"


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= 120 else text[:117] + "...")
