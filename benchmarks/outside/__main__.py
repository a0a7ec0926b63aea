"""Print what operations cost from outside, and write it as JSON.

    DEVICES=10000 python -m benchmarks.outside [FILE]

Everything runs on this machine; the client, which is not counted, takes part of it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from itertools import chain
from pathlib import Path

from . import reaching
from .deployment import deployed, populate
from .operations import Bench, run


def main(arguments: list[str]) -> int:
    """Run the benchmark."""
    devices = int(os.environ.get("DEVICES", "1000"))
    file = Path(arguments[0]) if arguments else Path(tempfile.gettempdir()) / f"outside-{devices}.json"
    log = Path(tempfile.mkdtemp(prefix="benchmarks-")) / "log"
    rows = []
    print(f"\n{'from outside, ' + str(devices) + ' devices':<44}{'CPU ms':>8}{'n':>8}{'target':>8}{'/s':>7}"
          f"{'p50':>7}{'p95':>8}  web / worker / scheduler / PostgreSQL / Redis")  # fmt: skip
    with deployed(log) as deployment:
        memory = deployment.memory()
        populate(deployment, devices)
        bench = Bench(deployment)
        for row in chain(run(bench, devices), reaching.run(bench, devices)):
            rows.append(row)
            shares = " / ".join(
                f"{row.cpu.get(name, 0):.3g}" for name in ("web", "worker", "scheduler", "postgresql", "redis")
            )
            latencies = f"{row.p50:>7.1f}{row.p95:>8.1f}" if row.p50 is not None else " " * 15
            target = f"≤ {row.target:g}" if row.target is not None else ""
            print(f"{row.operation:<44}{row.total:>8.3f}{row.calibrated:>8.3f}{target:>8}{row.count / row.wall:>7.0f}"
                  f"{latencies}  {shares}{'' if row.within else '  MISSED'}", flush=True)  # fmt: skip
        memory_then = deployment.memory()
    own = ("web", "worker", "scheduler")
    print("memory of its own, MiB, idle: " + ", ".join(f"{name} {memory[name]:.0f}" for name in own)
          + f", together {sum(memory[name] for name in own):.0f} (target ≤ 220); at the end "
          + f"{sum(memory_then[name] for name in own):.0f}")  # fmt: skip
    file.write_text(json.dumps(
        {"devices": devices, "rows": [row.as_json() for row in rows], "memory": memory, "memory_then": memory_then},
        indent=1,
    ))  # fmt: skip
    print(f"written to {file}; what the processes said: {log}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
