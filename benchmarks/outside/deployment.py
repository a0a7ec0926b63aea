"""A controller as in production: web, worker and scheduler over PostgreSQL and Redis, with a fleet in its database."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.services import PATIENCE, free_port, postgresql_service, redis_service

from . import load
from .accounting import cpu_seconds, unique_memory

SECRET = "benchmark" * 3
#: Devices enrolled over HTTP; the others are copies of them, made with SQL.
ENROLLED = 200
CLI = [sys.executable, "-m", "openwisp_controller.server.cli"]


@dataclass(frozen=True)
class Deployment:
    """Where the controller answers, and the processes that it consists of."""

    port: int
    roots: dict[str, int]
    """Process identifiers by name."""

    def cpu(self) -> dict[str, float]:
        """Return the seconds of CPU used so far, by process."""
        return {name: cpu_seconds(root) for name, root in self.roots.items()}

    def memory(self) -> dict[str, float]:
        """Return the MiB that each process and its children have for themselves."""
        return {name: unique_memory(root) for name, root in self.roots.items()}

    def wait_until_quiet(self) -> None:
        """Return when the processes have done what was left to do."""
        before = self._busy()
        calm = 0
        while calm < 3:
            time.sleep(0.3)
            now = self._busy()
            calm = calm + 1 if now - before < 0.03 else 0
            before = now

    def _busy(self) -> float:
        return sum(self.cpu().values())


@contextmanager
def deployed(log: Path, **env: str) -> Iterator[Deployment]:
    """Run everything; Django is set up in this process, too, with the same database."""
    with ExitStack() as stack:
        postgresql = stack.enter_context(postgresql_service())
        redis = stack.enter_context(redis_service())
        os.environ.update(
            DATABASE_URL=postgresql.url, REDIS_URL=redis.url, SECRET_KEY="only-for-benchmarks" * 3,
            ENCRYPTION_KEYS="only-for-benchmarks" * 3, ALLOWED_HOSTS="127.0.0.1", TRUSTED_PROXIES="1",
            SECURE_COOKIES="0", LOG_LEVEL="WARNING", EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
            DJANGO_SETTINGS_MODULE="openwisp_controller.server.settings", **env,
        )  # fmt: skip
        _migrate()
        port = free_port()
        commands = {
            "web": ["web", "--port", str(port), "--workers", "1"],
            "worker": ["worker", "--concurrency", "2"],
            "scheduler": ["scheduler"],
        }
        roots = {"postgresql": postgresql.pid, "redis": redis.pid}
        with log.open("ab") as output:
            for name, command in commands.items():
                roots[name] = stack.enter_context(_running(command, output)).pid
        wait_until(lambda: _answers(port), "an answer")
        deployment = Deployment(port, roots)
        deployment.wait_until_quiet()
        yield deployment


def wait_until(done: Callable[[], bool], what: str) -> None:
    """Wait until ``done`` says so; raise ``RuntimeError`` when it does not."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if done():
            return
        time.sleep(0.02)
    raise RuntimeError(f"{what}: not within {PATIENCE:g} seconds")


def _migrate() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)


@contextmanager
def _running(command: list[str], output: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([*CLI, *command], stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    with suppress(OSError, ValueError):
        return load.ask(port, load.Request("/healthz")).status == 200
    return False


def registration(number: int) -> dict[str, str]:
    """Return what a device posts to enrol."""
    mac = ":".join(f"{byte:02x}" for byte in (2, 16, *number.to_bytes(4, "big")))
    return {
        "secret": SECRET, "name": f"router-{number}", "mac_address": mac, "backend": "netjsonconfig.OpenWrt",
        "key": f"{number:032d}", "model": "TP-Link Archer C7 v5", "os": "OpenWrt 23.05.3", "system": "QCA956X",
    }  # fmt: skip


def populate(deployment: Deployment, devices: int) -> None:
    """Create an organization with five default templates, its devices, and somebody who may do everything."""
    from openwisp_users.models import Organization, User

    from openwisp_controller.config.models import OrganizationConfigSettings, Template

    from ..rendering import TEMPLATES, context

    User.objects.create_superuser("root", "root@example.org", "password")
    organization = Organization.objects.create(name="benchmark", slug="benchmark")
    OrganizationConfigSettings.objects.create(organization=organization, shared_secret=SECRET, context=context(0))
    for number, config in enumerate(TEMPLATES):
        template = Template(
            organization=organization, name=f"template {number}", backend="netjsonconfig.OpenWrt", config=config,
            default=True, default_values=context(number),
        )  # fmt: skip
        template.full_clean()
        template.save()
    first = [load.Request("/controller/register/", registration(number)) for number in range(ENROLLED)]
    load.run(deployment.port, first).require(201)
    deployment.wait_until_quiet()
    multiply(devices)


def multiply(devices: int) -> None:
    """Bring the fleet to so many devices with copies of the enrolled ones, which carry the archives of those."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_COPIES, {"enrolled": ENROLLED, "devices": devices})
        for table, (key, values) in _COPIED.items():
            cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
            columns = [name for (name,) in cursor.fetchall() if values.get(name, "") is not None]
            wanted = ", ".join(values.get(name) or f'original."{name}"' for name in columns)
            names = ", ".join(f'"{name}"' for name in columns)
            cursor.execute(
                f"INSERT INTO {table} ({names}) SELECT {wanted} FROM copies JOIN {table} original ON original.{key}"
            )
        cursor.execute(
            "UPDATE config_config SET compiled_id = copy.id, released_id = copy.id FROM copies"
            " JOIN config_revision copy ON copy.config_id = copies.new_config"
            " WHERE config_config.id = copies.new_config"
        )
        # a fleet is older than what an edit looks at twice, for it may not have seen it
        cursor.execute("UPDATE config_config SET created = created - interval '1 day'")
        cursor.execute("DROP TABLE copies")
        cursor.execute("VACUUM ANALYZE")


#: Who is copied, and the keys of the copies, which are numbered like those that enrol.
_COPIES = """
CREATE TABLE copies AS
SELECT number, gen_random_uuid() AS new_device, gen_random_uuid() AS new_config,
       device.id AS device_from, config.id AS config_from
FROM generate_series(%(enrolled)s, %(devices)s - 1) number
JOIN config_device device ON device.name = 'router-' || number %% %(enrolled)s
JOIN config_config config ON config.device_id = device.id
"""
_MAC = r"upper('02:10:' || rtrim(regexp_replace(lpad(to_hex(number), 8, '0'), '(..)', '\1:', 'g'), ':'))"
_NO_POINTERS = {f"{name}_id": "NULL::bigint" for name in ("compiled", "released", "downloaded", "applied")}
#: By table: which rows are copied, and what copies have of their own; None = what the database gives.
_COPIED: dict[str, tuple[str, dict[str, str | None]]] = {
    "config_device": (
        "id = device_from",
        {
            "id": "new_device", "name": "'router-' || number", "mac_address": _MAC,
            "key": "lpad(number::text, 32, '0')",
        },
    ),
    "config_config": ("id = config_from", {"id": "new_config", "device_id": "new_device", **_NO_POINTERS}),
    "config_revision": ("config_id = config_from", {"id": None, "config_id": "new_config"}),
    "config_config_templates": ("config_id = config_from", {"id": None, "config_id": "new_config"}),
}  # fmt: skip
