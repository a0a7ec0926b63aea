"""A deployment of real processes on real services, for tests that hurt it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from ..databases import SECRETS, execute, sibling
from ..services import Service, free_port, postgresql_service, redis_service
from .processes import PATIENT, Process, environment, run, status_of, wait_until

SECRET = "e2e-shared-secret"
PREPARE = """
from openwisp_users.models import Organization
from openwisp_controller.config.models import Config, Device, OrganizationConfigSettings, Template
organization = Organization.objects.create(name="e2e", slug="e2e")
OrganizationConfigSettings.objects.create(organization=organization, shared_secret="{secret}")
Template.objects.create(
    organization=organization, name="lan", backend="netjsonconfig.OpenWrt", default=True,
    config={{"general": {{"description": "0"}}, "interfaces": [{{"name": "eth0", "type": "ethernet"}}]}},
)
for number in range({devices}):
    mac_address = f"02:00:00:00:{{number >> 8:02x}}:{{number & 255:02x}}"
    device = Device.objects.create(organization=organization, name=f"router-{{number}}", mac_address=mac_address)
    Config.objects.create(device=device, backend="netjsonconfig.OpenWrt")
Config.objects.update(status="applied")
"""
EDIT = """
from openwisp_controller.config.models import Template
template = Template.objects.get(name="lan")
template.config["general"]["description"] = "{value}"
template.save()
"""
#: Whoever does that to that table waits, once the condition holds, as long as somebody else has the lock.
HOLD = """
CREATE OR REPLACE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF {condition} THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER hold BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION hold();
"""
HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted"
#: Devices whose released archive comes from the edited template, and how many revisions that took.
STATE = """
SELECT count(*) FILTER (WHERE config.stale_since IS NULL AND config.status = 'modified'),
       count(*) FILTER (WHERE config.stale_since IS NOT NULL),
       (SELECT count(*) FROM config_revision WHERE cause = 'related_template_changed'),
       (SELECT count(*) FROM config_outboxentry)
FROM config_config AS config
"""


@dataclass
class State:
    """Where the devices stand after a template was edited."""

    followed: int
    stale: int
    revisions: int
    owed: int


@dataclass
class Deployment:
    """Services, their environment, and the processes that a test starts."""

    env: dict[str, str]
    database: Service
    broker: Service
    directory: Path

    def process(self, name: str, *arguments: str) -> Process:
        return Process((name, *arguments), self.env, self.directory / f"{name}-{len(os.listdir(self.directory))}.log")

    def shell(self, code: str) -> None:
        result = run("manage", "shell", "-v0", "-c", code, env=self.env)
        assert result.returncode == 0, result.stderr

    def prepare(self, devices: int) -> None:
        self.shell(PREPARE.format(secret=SECRET, devices=devices))

    def edit_template(self, value: str) -> None:
        self.shell(EDIT.format(value=value))

    @contextmanager
    def template_being_edited(self, value: str) -> Iterator[None]:
        """Edit the template in the background, for those who act as soon as the edit has an effect.

        On a busy machine the editing process may end long after its transaction.
        """
        with ThreadPoolExecutor(1) as pool:
            edit = pool.submit(self.edit_template, value)
            yield
            edit.result()

    def query(self, statement: str) -> tuple[int, ...]:
        with psycopg.connect(self.env["DATABASE_URL"]) as connection:
            row = connection.execute(statement).fetchone()
        assert row is not None
        return row

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.env["DATABASE_URL"]) as connection:
            connection.execute(statement)

    @contextmanager
    def held(self, event: str, table: str, condition: str) -> Iterator[Callable[[], None]]:
        """Hold whoever does something to a table, in the middle of a transaction, until the end of the block.

        Args:
            event: ``INSERT`` or ``UPDATE``.
            table: of which rows.
            condition: SQL; from when on. Rows of the same transaction count.

        Yields a function that waits until somebody is held.
        """
        self.execute(HOLD.format(event=event, table=table, condition=condition))
        with psycopg.connect(self.env["DATABASE_URL"]) as other:
            other.execute("SELECT pg_advisory_xact_lock(1)")
            yield lambda: wait_until(lambda: self.query(HELD) != (0,), f"{event} of {table}, held in the middle")
        self.execute(f"DROP TRIGGER hold ON {table}")

    def let_claims_lapse(self) -> None:
        """Make entries of the outbox and claims as old as the reconciler finds them a while after a crash."""
        self.execute("UPDATE config_outboxentry SET created = created - interval '1 hour'")
        for table in ("connection_push", "connection_command"):
            self.execute(f"UPDATE {table} SET claimed_until = claimed_until - interval '1 hour'")

    def state(self) -> State:
        return State(*self.query(STATE))

    def wait_until_all_followed(self, devices: int) -> State:
        """Wait until no work is left, and return the final state."""

        def done() -> bool:
            state = self.state()
            return state.followed == devices and state.stale == 0 and state.owed == 0

        wait_until(done, f"that all {devices} devices follow")
        return self.state()


class Services:
    """PostgreSQL and Redis for the deployments of one process of the tests, which may stop them.

    Databases with tables, and with so many devices, are made once and copied for each deployment.
    """

    def __init__(self, database: Service, broker: Service) -> None:
        self.database = database
        self.broker = broker
        self._originals: dict[int | None, str] = {}

    def env(self, database: str, directory: Path, **settings: str) -> dict[str, str]:
        return environment(
            DATABASE_URL=sibling(self.database.url, database),
            REDIS_URL=self.broker.url,
            ALLOWED_HOSTS="127.0.0.1",
            RECONCILE_INTERVAL="2",
            STATIC_ROOT=str(directory / "static"),
            MEDIA_ROOT=str(directory / "media"),
            **SECRETS,
            **{**PATIENT, **settings},
        )

    def original(self, devices: int | None, directory: Path) -> str:
        """Return the name of a database with so many devices; None = with tables alone."""
        if devices not in self._originals:
            name = "original" if devices is None else f"original_{devices}"
            template = "template1" if devices is None else self.original(None, directory)
            execute(self.database.url, f"CREATE DATABASE {name} TEMPLATE {template}")
            code = None if devices is None else PREPARE.format(secret=SECRET, devices=devices)
            arguments = ("migrate", "-v0") if code is None else ("shell", "-v0", "-c", code)
            result = run("manage", *arguments, env=self.env(name, directory))
            assert result.returncode == 0, result.stderr
            self._originals[devices] = name
        return self._originals[devices]

    @contextmanager
    def deployed(self, directory: Path, devices: int | None = None, **settings: str) -> Iterator[Deployment]:
        """A deployment with a database of its own, with so many devices; None = with tables alone."""
        logs, name = directory / "logs", "deployed"
        logs.mkdir()
        execute(self.database.url, f"CREATE DATABASE {name} TEMPLATE {self.original(devices, directory)}")
        redis.Redis.from_url(self.broker.url).flushall()
        try:
            yield Deployment(self.env(name, directory, **settings), self.database, self.broker, logs)
        finally:
            for service in (self.database, self.broker):
                if not service.running:
                    service.start()
            execute(self.database.url, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def services() -> Iterator[Services]:
    """Start PostgreSQL and Redis."""
    with postgresql_service() as database, redis_service() as broker:
        yield Services(database, broker)


def web(deployment: Deployment) -> tuple[Process, str]:
    """A web process and its URL."""
    port = free_port()
    return deployment.process("web", "--port", str(port), "--workers", "1"), f"http://127.0.0.1:{port}"


def wait_until_ready(url: str) -> None:
    wait_until(lambda: status_of(f"{url}/readyz") == 200, "readiness")
