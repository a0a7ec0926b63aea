"""Requests per second of the real server: one web process, driven over HTTP from another one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import aiohttp

from tests.services import free_port

SECONDS = 4.0
#: Sent as a proxy does. Devices that shared a private address would take it from each other with every poll.
HEADERS = {"X-Forwarded-For": "8.8.8.8"}
CONNECTIONS = 32


@contextmanager
def server(workers: int) -> Iterator[str]:
    """Run ``openwisp-controller web`` with the environment at hand, and yield its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "openwisp_controller.server.cli", "web"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--workers", str(workers)],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "ALLOWED_HOSTS": "127.0.0.1",
            "TRUSTED_PROXIES": "1",
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with suppress(OSError), urllib.request.urlopen(f"{url}/healthz", timeout=2):
                break
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(15)


def ask_each_once(url: str, devices: list[tuple[str, str]]) -> None:
    """Let every device be seen at the address from which it is going to ask; the first time, that is stored."""
    for device, key in devices:
        address = f"{url}/controller/download-config/{device}/?key={key}"
        with urllib.request.urlopen(urllib.request.Request(address, headers=HEADERS), timeout=10) as answer:
            answer.read()


def requests_per_second(url: str, endpoint: str, devices: list[tuple[str, str]]) -> float:
    """Ask ``endpoint`` for one device after the other over many connections; return the rate.

    Args:
        url: of the server.
        endpoint: ``checksum`` or ``download-config``.
        devices: identifier (hex) and key of each.
    """
    return asyncio.run(_drive([f"{url}/controller/{endpoint}/{device}/?key={key}" for device, key in devices]))


async def _drive(urls: list[str]) -> float:
    answered = 0
    deadline = time.perf_counter() + SECONDS

    async def follow(session: aiohttp.ClientSession, own: list[str]) -> None:
        nonlocal answered
        number = 0
        while time.perf_counter() < deadline:
            async with session.get(own[number % len(own)]) as answer:
                await answer.read()
                answer.raise_for_status()
            answered += 1
            number += 1

    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:
        start = time.perf_counter()
        await asyncio.gather(*(follow(session, urls[n::CONNECTIONS] or urls) for n in range(CONNECTIONS)))
        return answered / (time.perf_counter() - start)
