"""An HTTP client that costs little: keep-alive connections, one request after the other on each."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

CONNECTIONS = 16


@dataclass(frozen=True)
class Request:
    """One request; ``form`` makes it a POST, ``json`` a PATCH."""

    path: str
    form: dict[str, str] | None = None
    headers: str = ""
    """Lines that end with CR LF."""
    json: Any = None

    def encode(self) -> bytes:
        method, kind, body = "GET", "", b""
        if self.form is not None:
            method, kind, body = "POST", "application/x-www-form-urlencoded", urlencode(self.form).encode()
        elif self.json is not None:
            method, kind, body = "PATCH", "application/json", json.dumps(self.json).encode()
        # sent as a proxy does: devices that shared a private address would take it from each other with every poll
        head = f"{method} {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: 8.8.8.8\r\n{self.headers}"
        if kind:
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, list[str]]
    body: bytes


@dataclass(frozen=True)
class Run:
    """What became of many requests."""

    answers: list[Answer]
    latencies: list[float]
    """Seconds, sorted."""
    wall: float
    """Seconds."""

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.wall

    def percentile(self, share: float) -> float:
        """Return the latency in milliseconds that this share of the requests did not exceed."""
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)] * 1000

    def require(self, *statuses: int) -> Run:
        """Return the run itself; raise ``RuntimeError`` for an answer that was not expected."""
        for answer in self.answers:
            if answer.status not in statuses:
                raise RuntimeError(f"answered with {answer.status}: {answer.body[:300]!r}")
        return self


def run(port: int, requests: Sequence[Request], connections: int = CONNECTIONS) -> Run:
    """Send all requests to 127.0.0.1 over so many connections."""
    return asyncio.run(_run(port, requests, min(connections, len(requests))))


def ask(port: int, request: Request) -> Answer:
    """Send one request."""
    return run(port, [request]).answers[0]


async def _run(port: int, requests: Sequence[Request], connections: int) -> Run:
    waiting = iter([request.encode() for request in requests])
    answers: list[Answer] = []
    latencies: list[float] = []
    start = time.perf_counter()
    await asyncio.gather(*(_connection(port, waiting, answers, latencies) for _ in range(connections)))
    return Run(answers, sorted(latencies), time.perf_counter() - start)


async def _connection(port: int, waiting: Iterator[bytes], answers: list[Answer], latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for request in waiting:
            start = time.perf_counter()
            writer.write(request)
            answers.append(await _read(reader))
            latencies.append(time.perf_counter() - start)
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        if name:
            headers.setdefault(name.lower(), []).append(value.strip())
    length = headers.get("content-length")
    body = await reader.readexactly(int(length[0])) if length else await _chunked(reader)
    return Answer(int(head[0].split()[1]), headers, body)


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).strip() or b"0", 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readline()
    return body
