"""The ``fleet`` command: enrols virtual devices at a running controller and follows them."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from contextlib import suppress
from urllib.parse import urlsplit

from rich.console import Console

from . import result
from .arguments import add_arguments, shown
from .events import State
from .faults import Faults, Mix
from .fleet import Fleet
from .policy import AgentPolicy
from .progress import LiveProgress, PlainProgress, Progress, count_line, endpoint_table, fault_line
from .ssh_fleet import SshOptions

__all__ = ["add_arguments", "run"]

_SHOWN_PROBLEMS = 10
_TICK = 0.25
_REACH_TIMEOUT = 10.0


def run(args: argparse.Namespace) -> int:
    """Run the command with parsed arguments and return its exit status.

    0: the controller kept to the protocol, and every device has applied its configuration, but for those that
    injected faults kept from it. 1: not so; the reasons are listed. 2: the controller cannot be reached.
    """
    # The result has the standard output for itself.
    console = Console(highlight=False, soft_wrap=True, stderr=args.json == "-")
    try:
        return asyncio.run(_run(args, console))
    except KeyboardInterrupt:
        return 130


async def _run(args: argparse.Namespace, console: Console) -> int:
    problem = await _reach(args.url)
    if problem:
        print(f"fleet: cannot reach {args.url}: {problem}", file=sys.stderr)
        return 2
    fleet = _make_fleet(args)
    progress: Progress = LiveProgress(console) if console.is_terminal else PlainProgress(console.print)
    started = time.monotonic()
    await _follow(fleet, progress, args)
    elapsed = time.monotonic() - started
    status = _conclude(fleet, console, elapsed, args)
    if args.json is not None:
        try:
            result.write(result.result(fleet, shown(args), elapsed), args.json)
        except OSError as error:
            print(f"fleet: cannot write the result: {error}", file=sys.stderr)
            return 1
    return status


def _make_fleet(args: argparse.Namespace) -> Fleet:
    return Fleet(
        args.url,
        args.secret,
        args.devices,
        interval=args.interval,
        seed=args.seed,
        name_prefix=args.name_prefix,
        concurrency=args.concurrency,
        verify_tls=not args.insecure,
        policy=AgentPolicy.shipped() if args.shipped_pauses else None,
        mix=Mix(args.mac_name_rate, args.hardware_id_rate, args.overwrite_rate),
        ssh=SshOptions(args.ssh_port, args.ssh_password, fault_rate=args.ssh_fault_rate) if args.ssh_port else None,
        faults=Faults(args.fail_rate, args.lose_report_rate, args.offline_rate, args.power_cut),
    )


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
    settled = (State.APPLIED, State.ERROR, State.REJECTED, State.DEACTIVATED)
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
    if any(summary.faults.values()):
        console.print(fault_line(summary))
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
        others = summary.devices - summary.applied
        excuse = f", but for {others} that were disturbed by faults or deactivated" if others else ""
        console.print(f"every device has applied its configuration{excuse}")
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
