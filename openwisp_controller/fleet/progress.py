"""Shows how a fleet is doing: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .summary import Summary

_WINDOW = 3.0
_LONGEST_PAUSE = 10.0


class Progress(Protocol):
    """Something that shows summaries while a fleet runs."""

    def shown(self) -> AbstractContextManager[object]:
        """A context in which the progress is visible."""
        ...

    def update(self, summary: Summary) -> None:
        """Show a newer summary."""
        ...


class RequestRate:
    """Requests a second over the last seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._samples = [(clock(), 0)]

    def update(self, requests: int) -> float:
        """Take the number of requests so far, return the rate."""
        now = self._clock()
        self._samples.append((now, requests))
        while len(self._samples) > 2 and self._samples[1][0] <= now - _WINDOW:
            self._samples.pop(0)
        then, before = self._samples[0]
        return (requests - before) / (now - then) if now > then else 0.0


class PlainProgress:
    """One line when something changed: at first each second at most, in a long run every ten seconds."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._rate = RequestRate(clock)
        self._started = clock()
        self._last_line = float("-inf")
        self._shown: tuple[object, ...] | None = None

    def shown(self) -> AbstractContextManager[object]:
        """Nothing to set up."""
        return nullcontext()

    def update(self, summary: Summary) -> None:
        """Write a line if it is time for one and there is something new to say."""
        rate = self._rate.update(summary.requests)
        news = (summary.registered, tuple(summary.states.items()), summary.stopped, summary.violations)
        now = self._clock()
        elapsed = now - self._started
        pause = min(max(1.0, elapsed / 10), _LONGEST_PAUSE)
        if news != self._shown and now - self._last_line >= pause:
            self._shown, self._last_line = news, now
            self._write(f"{elapsed:6.1f} s  {count_line(summary)}, {rate:.0f} requests/s")


class LiveProgress:
    """A table that is redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._rate = RequestRate()
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def shown(self) -> AbstractContextManager[object]:
        """Take over the lower part of the terminal."""
        return self._live

    def update(self, summary: Summary) -> None:
        """Redraw."""
        rate = self._rate.update(summary.requests)
        lines = [Text(f"{count_line(summary)}, {rate:.0f} requests/s")]
        if any(summary.faults.values()):
            lines.append(Text(fault_line(summary)))
        self._live.update(Group(*lines, endpoint_table(summary)))


def count_line(summary: Summary) -> str:
    """Return the counts of a summary on one line."""
    parts = [f"{summary.devices} devices", f"{summary.registered} registered", f"{summary.applied} applied"]
    parts += [f"{count} {state}" for state, count in summary.states.items() if state not in ("registered", "applied")]
    if summary.stopped:
        parts.append(f"{summary.stopped} stopped")
    if summary.violations:
        parts.append(f"{summary.violations} violations")
    return ", ".join(parts)


def fault_line(summary: Summary) -> str:
    """Return the counts of the injected faults on one line."""
    return "injected: " + ", ".join(f"{count} {kind}" for kind, count in summary.faults.items() if count)


def endpoint_table(summary: Summary) -> RenderableType:
    """Return a table of the endpoints with counts and latencies."""
    table = Table("endpoint", box=None, pad_edge=False)
    for heading in ("requests", "mean ms", "p50 ms", "p95 ms", "p99 ms", "max ms"):
        table.add_column(heading, justify="right")
    for endpoint, stats in summary.endpoints.items():
        figures = (stats.mean, stats.p50, stats.p95, stats.p99, stats.max)
        table.add_row(endpoint, str(stats.count), *(f"{figure:.1f}" for figure in figures))
    return table
