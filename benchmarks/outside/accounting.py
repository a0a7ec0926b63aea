"""CPU and memory of process trees, read from ``/proc``, and the calibration loop that makes machines comparable."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")


def cpu_seconds(root: int) -> float:
    """Return the CPU time that a process and all its descendants have used, the ended ones included."""
    return sum(_used(pid) for pid in tree(root))


def unique_memory(root: int) -> float:
    """Return the MiB that a process and its descendants have for themselves alone (unique set size)."""
    return sum(_unique_kib(pid) for pid in tree(root)) / 1024


def tree(root: int) -> list[int]:
    """Return a process and its descendants that are alive."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def _stat(pid: int) -> list[str]:
    """Return the fields of ``/proc/PID/stat`` from the third on; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _used(pid: int) -> float:
    stat = _stat(pid)
    return sum(int(value) for value in stat[11:15]) * _TICK if stat else 0.0


def _unique_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))


def calibrate() -> float:
    """Return the milliseconds of CPU that a fixed piece of work takes: 13 on the machine that budgets are written for.

    The best of several tries: what disturbs only makes it slower.
    """
    return min(_loop() for _ in range(5)) * 1000


def _loop() -> float:
    start = time.thread_time()
    table: dict[str, int] = {}
    text = ""
    for number in range(40_000):
        key = f"key-{number % 997}"
        table[key] = table.get(key, 0) + number
        if number % 100 == 0:
            text = ",".join(sorted(table)[:50])
            hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return time.thread_time() - start
