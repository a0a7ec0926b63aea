"""The arguments of the ``fleet`` command; values that make no sense are refused with a reason."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

Number = TypeVar("Number", int, float)

MAX_DEVICES = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command; values that make no sense end the parsing with a message."""
    add = parser.add_argument
    add("--url", required=True, type=_url, help="base URL of the controller")
    add("--secret", required=True, type=_secret, help="shared secret of an organization")
    add("--devices", required=True, type=_device_count, metavar="N", help="number of devices")
    _add_run(parser.add_argument_group("the run"))
    _add_mix(parser.add_argument_group("shares of the devices, from 0 to 1, that are unlike the others (default: 0)"))
    _add_ssh(parser.add_argument_group("SSH servers of the devices, on addresses in 127.77.0.0/16"))
    _add_faults(parser.add_argument_group("faults, each a probability from 0 to 1 (default: 0)"))


def shown(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of the command as they may be shown: without the shared secret."""
    names = (
        "url", "devices", "interval", "duration", "timeout", "seed", "name_prefix", "concurrency", "insecure",
        "shipped_pauses", "mac_name_rate", "hardware_id_rate", "overwrite_rate",
        "fail_rate", "lose_report_rate", "offline_rate", "power_cut", "ssh_port", "ssh_fault_rate",
    )  # fmt: skip
    return {name: getattr(args, name) for name in names}


def _add_run(group: argparse._ArgumentGroup) -> None:
    seconds: dict[str, Any] = {"type": _seconds, "metavar": "SECONDS"}
    group.add_argument("--interval", **seconds, default=120.0, help="between two polls (default: 120)")
    group.add_argument("--duration", **seconds, help="follow for so long (default: until all have applied)")
    group.add_argument(
        "--timeout", **seconds, default=300.0, help="without --duration: give up after so long (default: 300)"
    )
    group.add_argument("--seed", type=int, default=1, help="decides all that is left to chance (default: 1)")
    group.add_argument("--name-prefix", type=_name_prefix, default="device", metavar="PREFIX", help="of their names")
    group.add_argument(
        "--concurrency", type=_positive, default=200, metavar="N", help="requests under way at once (default: 200)"
    )
    group.add_argument("--insecure", action="store_true", help="do not verify the certificate of the controller")
    group.add_argument(
        "--shipped-pauses", action="store_true", help="wait as long as the shipped agent before it tries again"
    )
    group.add_argument("--json", type=_target, metavar="FILE", help="write the whole result as JSON; - is stdout")


def _add_mix(group: argparse._ArgumentGroup) -> None:
    rate: dict[str, Any] = {"type": _probability, "metavar": "P", "default": 0.0}
    group.add_argument("--mac-name-rate", **rate, help="default hostname: they register with their MAC as name")
    group.add_argument("--hardware-id-rate", **rate, help="they derive their key from a hardware id")
    group.add_argument("--overwrite-rate", **rate, help="they overwrite UCI files instead of merging into them")


def _add_ssh(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--ssh-port", type=_positive, metavar="PORT", help="run one per device, at this port")
    group.add_argument("--ssh-password", default="openwisp-fleet", metavar="TEXT", help='password of "root"')
    group.add_argument(
        "--ssh-fault-rate", type=_probability, metavar="P", default=0.0,
        help="share of the devices whose server refuses, hangs, has another key or the like",
    )  # fmt: skip


def _add_faults(group: argparse._ArgumentGroup) -> None:
    rate: dict[str, Any] = {"type": _probability, "metavar": "P", "default": 0.0}
    group.add_argument("--fail-rate", **rate, help="an archive cannot be applied; the device reports an error")
    group.add_argument("--lose-report-rate", **rate, help="a status report gets lost; the update is repeated")
    group.add_argument("--offline-rate", **rate, help="a device does not poll in a cycle")
    group.add_argument("--power-cut", **rate, help="a device loses its power somewhere in a cycle and boots again")


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


def _probability(text: str) -> float:
    return _number(text, float, lambda value: 0 <= value <= 1, "a probability from 0 to 1")


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


def _target(text: str) -> str:
    """Where the result goes: better refused now than when the run is over."""
    path = Path(text)
    if text != "-":
        if path.is_dir() or not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"{text!r} is no file in a directory that exists")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise argparse.ArgumentTypeError(f"{text!r} cannot be written")
    return text
