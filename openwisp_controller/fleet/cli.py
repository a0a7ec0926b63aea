"""The ``fleet`` command: enrols virtual devices at a running controller and follows them."""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar
from urllib.parse import urlsplit

from rich.console import Console

from .events import State
from .fleet import Fleet
from .progress import LiveProgress, PlainProgress, Progress, count_line, endpoint_table

Number = TypeVar("Number", int, float)

MAX_DEVICES = 1_000_000
_SHOWN_PROBLEMS = 10
_TICK = 0.25
_REACH_TIMEOUT = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command; values that make no sense end the parsing with a message."""
    parser.add_argument("--url", required=True, type=_url, help="base URL of the controller")
    parser.add_argument("--secret", required=True, type=_secret, help="shared secret of an organization")
    parser.add_argument("--devices", required=True, type=_device_count, metavar="N", help="number of devices")
    parser.add_argument(
        "--interval", type=_seconds, default=120.0, metavar="SECONDS", help="between two polls (default: 120)"
    )
    parser.add_argument(
        "--duration",
        type=_seconds,
        metavar="SECONDS",
        help="follow for so long (default: until all have applied)",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=300.0,
        metavar="SECONDS",
        help="without --duration: give up after so long (default: 300)",
    )
    parser.add_argument("--seed", type=int, default=1, help="decides who the devices are (default: 1)")
    parser.add_argument("--name-prefix", type=_name_prefix, default="device", metavar="PREFIX", help="of their names")
    parser.add_argument(
        "--concurrency",
        type=_positive,
        default=200,
        metavar="N",
        help="requests under way at once (default: 200)",
    )
    parser.add_argument("--insecure", action="store_true", help="do not verify the certificate of the controller")


def run(args: argparse.Namespace) -> int:
    """Run the command with parsed arguments and return its exit status.

    0: every device has applied its configuration and the controller kept to the protocol. 1: not so; the
    reasons are listed. 2: the controller cannot be reached.
    """
    console = Console(highlight=False, soft_wrap=True)
    try:
        return asyncio.run(_run(args, console))
    except KeyboardInterrupt:
        return 130


async def _run(args: argparse.Namespace, console: Console) -> int:
    problem = await _reach(args.url)
    if problem:
        print(f"fleet: cannot reach {args.url}: {problem}", file=sys.stderr)
        return 2
    fleet = Fleet(
        args.url,
        args.secret,
        args.devices,
        interval=args.interval,
        seed=args.seed,
        name_prefix=args.name_prefix,
        concurrency=args.concurrency,
        verify_tls=not args.insecure,
    )
    progress: Progress = LiveProgress(console) if console.is_terminal else PlainProgress(console.print)
    started = time.monotonic()
    await _follow(fleet, progress, args)
    return _conclude(fleet, console, time.monotonic() - started, args)


async def _follow(fleet: Fleet, progress: Progress, args: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        with suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread
            loop.add_signal_handler(number, fleet.stop)
    with progress.shown():
        ticker = asyncio.create_task(_show(fleet, progress))
        try:
            if args.duration is not None:
                await fleet.run(args.duration, until=secret_is_wrong)
            else:
                await fleet.run(args.timeout, until=lambda fleet: secret_is_wrong(fleet) or all_settled(fleet))
        finally:
            ticker.cancel()
            for number in signals:
                with suppress(NotImplementedError, RuntimeError, ValueError):
                    loop.remove_signal_handler(number)


async def _show(fleet: Fleet, progress: Progress) -> None:
    while True:
        progress.update(fleet.summary())
        await asyncio.sleep(_TICK)


def all_settled(fleet: Fleet) -> bool:
    """Whether each device has come to a result that nothing but a change on the controller will alter."""
    settled = (State.APPLIED, State.ERROR, State.REJECTED)
    return all(device.state in settled or device.stopped for device in fleet.devices)


def secret_is_wrong(fleet: Fleet) -> bool:
    """Whether the controller does not know the shared secret, which is the same for all devices."""
    return any(device.state is State.REFUSED and "unrecognized secret" in device.reason for device in fleet.devices)


def _conclude(fleet: Fleet, console: Console, elapsed: float, args: argparse.Namespace) -> int:
    summary = fleet.summary()
    console.print(count_line(summary), markup=False)
    console.print(
        f"{summary.requests} requests in {elapsed:.1f} s ({summary.requests / elapsed:.0f}/s), "
        f"{summary.failures} without an answer, {summary.bytes / 1000:.1f} kB received"
    )
    if summary.endpoints:
        console.print(endpoint_table(summary))
    if secret_is_wrong(fleet):
        print(
            "fleet: the controller does not know this shared secret; copy it from the organization",
            file=sys.stderr,
        )
        return 1
    problems = fleet.problems()
    if not problems:
        console.print("every device has applied its configuration")
        return 0
    if args.duration is None and elapsed >= args.timeout:
        print(f"fleet: gave up after {args.timeout:g} s", file=sys.stderr)
    print(f"fleet: {len(problems)} problems:" if len(problems) > 1 else "fleet: 1 problem:", file=sys.stderr)
    for problem in problems[:_SHOWN_PROBLEMS]:
        print(f"  {problem}", file=sys.stderr)
    if len(problems) > _SHOWN_PROBLEMS:
        print(f"  … and {len(problems) - _SHOWN_PROBLEMS} more", file=sys.stderr)
    return 1


async def _reach(url: str) -> str:
    """Why no connection to the host of a URL can be made; empty when one can."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_REACH_TIMEOUT):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except TimeoutError:
        return f"no answer within {_REACH_TIMEOUT:g} s"
    except OSError as error:
        return error.strerror or str(error)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return ""


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, an unclosed IPv6 bracket
        valid = False
    if not valid or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is no base URL; it reads like http://192.0.2.1:8000")
    return text.rstrip("/")


def _secret(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("the shared secret is empty")
    return text


def _device_count(text: str) -> int:
    count = _positive(text)
    if count > MAX_DEVICES:
        raise argparse.ArgumentTypeError(f"at most {MAX_DEVICES} devices, not {count}")
    return count


def _positive(text: str) -> int:
    return _number(text, int, lambda value: value >= 1, "a whole number from 1")


def _seconds(text: str) -> float:
    return _number(text, float, lambda value: 0 < value < float("inf"), "a number of seconds greater than 0")


def _number(text: str, kind: Callable[[str], Number], valid: Callable[[Number], bool], wanted: str) -> Number:
    try:
        value: Number | None = kind(text)
    except ValueError:
        value = None
    if value is None or not valid(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
    return value


def _name_prefix(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]{0,50}[A-Za-z0-9])?", text):
        raise argparse.ArgumentTypeError(f"{text!r} cannot begin a hostname: letters, digits and hyphens, at most 52")
    return text
