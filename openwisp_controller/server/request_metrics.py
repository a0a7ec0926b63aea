"""Counting requests and how long they take, for Prometheus. Without ``METRICS_TOKEN`` nothing of it runs.

Labels are of a fixed set: nothing that a client sends becomes one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from django.conf import settings
from prometheus_client import CollectorRegistry, Histogram, multiprocess

from .metrics_directory import VARIABLE

WsgiApplication = Callable[..., Iterable[bytes]]
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_OF_DEVICES = {
    "checksum": "checksum",
    "download-config": "download",
    "report-status": "report",
    "register": "register",
    "update-info": "update-info",
}
_OF_PEOPLE = {"admin": "admin", "api": "api"}
_own = CollectorRegistry()
_seconds = Histogram(
    "openwisp_controller_request_seconds",
    "Requests that were answered, and in how many seconds.",
    ["kind", "method", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=_own,
)
_children: dict[tuple[str, str, str], Any] = {}


def measured(application: WsgiApplication) -> WsgiApplication:
    """Return an application that counts its requests; the same one where nobody is to see the numbers."""
    if not settings.METRICS_TOKEN:
        return application

    def measuring(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status = "5"  # of what raises

        def start(line: str, *arguments: Any) -> Any:
            nonlocal status
            status = line[0]
            return start_response(line, *arguments)

        started = perf_counter()
        try:
            return application(environ, start)
        finally:
            _count(environ, status, perf_counter() - started)

    return measuring


def registry() -> CollectorRegistry:
    """Return what was counted, by all processes of this server."""
    if VARIABLE not in os.environ:
        return _own
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together)
    return together


def kind_of(path: str) -> str:
    """Return what kind of request one for a path is: one of a few words."""
    first, _, rest = path[1:].partition("/")
    if first != "controller":
        return _OF_PEOPLE.get(first, "other")
    word, _, rest = rest.partition("/")
    if word in ("device", "vpn"):
        word = rest.partition("/")[0]
    return _OF_DEVICES.get(word, "other")


def _count(environ: dict[str, Any], status: str, seconds: float) -> None:
    method = environ["REQUEST_METHOD"]
    key = kind_of(environ.get("PATH_INFO", "")), method if method in _METHODS else "other", status
    child = _children.get(key)
    if child is None:
        child = _children[key] = _seconds.labels(key[0], key[1], f"{status}xx")
    child.observe(seconds)
