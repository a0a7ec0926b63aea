"""The threads that answer requests: calls cost the same at every depth."""

from __future__ import annotations

import asyncio
import resource
from typing import Any

from openwisp_controller.server.threads import AnswerThreads

CALLS = 1000


def test_no_depth_makes_calls_expensive() -> None:
    """At the end of a piece of the stack of frames, each call asks the system for memory, which is a page fault."""
    faults: list[int] = []
    asyncio.run(AnswerThreads(1).run(lambda: measure(400, faults)))
    assert len(faults) == 400
    assert max(faults) < CALLS / 2


def measure(depth: int, faults: list[int]) -> None:
    """Note the page faults of many calls at this depth and at all below."""
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(CALLS):
        call()
    faults.append(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)
    if depth > 1:
        measure(depth - 1, faults)


def call(*values: Any) -> None:
    """Do nothing, with a frame of its own."""
