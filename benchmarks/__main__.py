"""Print the tables of costs: rendering against netjsonconfig, every operation in one process, and from outside.

``DEVICES=10000 python -m benchmarks`` measures with that many devices (default: 1000).
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from itertools import chain

from tests.services import ServiceError, postgresql, redis

from . import rendering


def main() -> int:
    """Run all benchmarks; return 1 when the database could not be started."""
    devices = int(os.environ.get("DEVICES", "1000"))
    rendering.main([])
    try:
        with postgresql() as database_url, redis() as redis_url:
            _operations(devices, database_url, redis_url)
    except ServiceError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    print(f"\ntelling {devices} devices over SSH, servers on the same machine", flush=True)
    pushed = subprocess.run([sys.executable, "-m", "benchmarks.push", str(devices)], check=False).returncode
    return pushed or subprocess.run([sys.executable, "-m", "benchmarks.outside"], check=False).returncode


def _operations(devices: int, database_url: str, redis_url: str) -> None:
    os.environ.update(DATABASE_URL=database_url, REDIS_URL=redis_url, DJANGO_SETTINGS_MODULE="benchmarks.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    from django.db import connections

    from . import maps, vpn
    from .operations import run

    title = f"operation ({devices} devices, PostgreSQL)"
    print(f"\n{title:<58}{'SQL':>8}{'CPU ms':>9}{'wall ms':>9}  budget")
    for cost in chain(run(devices), vpn.run(), maps.run()):
        limits = [f"≤ {limit:g} {unit}" for limit, unit in ((cost.budget_sql, "SQL"), (cost.budget_cpu, "ms")) if limit]
        verdict = "" if cost.within else "  MISSED"
        print(
            f"{cost.operation:<58}{cost.sql:>8.3g}{cost.cpu:>9.3f}{cost.wall:>9.3f}  {', '.join(limits)}{verdict}",
            flush=True,
        )
        if cost.total is not None:
            print(f"  all of them within {cost.total:.2f} s of wall time")
    print(f"peak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    _throughput()
    connections.close_all()


def _throughput() -> None:
    from openwisp_controller.config.models import Device

    from .throughput import ask_each_once, requests_per_second, server

    known = [(key.hex, secret) for key, secret in Device.objects.values_list("pk", "key")[:1000]]
    print(f"\n{'over HTTP, one web process, the client on the same machine':<58}{'requests/s':>12}")
    with server(workers=1) as url:
        ask_each_once(url, known)
        for endpoint in ("checksum", "download-config"):
            print(f"{endpoint:<58}{requests_per_second(url, endpoint, known):>12.0f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
