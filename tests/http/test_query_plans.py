"""With thousands of devices, what requests ask of PostgreSQL goes by indexes: no large table is read as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from openwisp_controller.config.models import Config, Device, Template
from openwisp_controller.connection.models import Command

from .. import factories as make
from .protocol import MAC, download, poll, register, report, update_info

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="asks PostgreSQL for its plans"),
]
DEVICES = 5000
GROUPS = 50
LARGE = {"config_device", "config_config", "config_revision", "connection_command"}
CLONE = """
CREATE TEMPORARY TABLE copies ON COMMIT DROP AS
SELECT number, gen_random_uuid() AS device, gen_random_uuid() AS config FROM generate_series(1, %(devices)s) number
"""
Statement = tuple[str, Any]


@pytest.fixture
def fleet(organization: Any, lost_messages: Any) -> Device:
    """One of thousands of devices, each with a configuration that is applied, one of many groups, and five commands."""
    groups = [make.group(organization) for _ in range(GROUPS)]
    config = make.config(
        make.device(organization, name="router", mac_address=MAC, group=groups[0]),
        templates=[make.template(organization)],
    )
    make.connection(config)
    Command.objects.bulk_create([Command(device=config.device, type="reboot", status="success")])
    with connection.cursor() as cursor:
        cursor.execute(CLONE, {"devices": DEVICES})
        keys = [str(group.pk) for group in groups]
        copy(
            cursor, "config_device", id="copies.device", name="'copy-' || number", key="lpad(number::text, 32, '0')",
            mac_address=r"upper('02:BB' || regexp_replace(lpad(to_hex(number), 8, '0'), '(..)', ':\1', 'g'))",
            group_id="(%(groups)s::uuid[])[1 + number %% 50]", groups=keys,
        )  # fmt: skip
        pointers = {f"{name}_id": "NULL::bigint" for name in ("compiled", "released", "downloaded", "applied")}
        status = "CASE WHEN number %% 100 = 0 THEN 'error' ELSE 'applied' END"
        copy(cursor, "config_config", id="copies.config", device_id="copies.device", status=status, **pointers)
        copy(cursor, "config_revision", id="nextval('config_revision_id_seq')", config_id="copies.config")
        for _ in range(5):
            copy(cursor, "connection_command", id="gen_random_uuid()", device_id="copies.device")
        cursor.execute(
            "UPDATE config_config SET compiled_id = revision.id, released_id = revision.id, downloaded_id = revision.id"
            " FROM config_revision revision WHERE revision.config_id = config_config.id"
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ANALYZE")
        # as for disks without a head to move; else it is a near thing, which rows that earlier tests left decide
        cursor.execute("SET LOCAL random_page_cost = 1.1")
    return Device.objects.get(pk=config.device_id)


def copy(cursor: Any, table: str, *, groups: Any = None, **own: str) -> None:
    """Copy the oldest row of a table for each of ``copies``; ``own`` is SQL for the columns that differ."""
    cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table])
    columns = [name for (name,) in cursor.fetchall()]
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(own.get(name, f'original."{name}"') for name in columns)
    cursor.execute(
        f"INSERT INTO {table} ({names}) SELECT {values} FROM copies, (SELECT * FROM {table} LIMIT 1) original",
        {"groups": groups},
    )


@contextmanager
def executed() -> Iterator[list[Statement]]:
    """Collects the statements that are executed, with their parameters."""
    statements: list[Statement] = []

    def note(execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any) -> Any:
        statements.append((sql, parameters))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        yield statements


def scanned(plan: dict[str, Any]) -> set[str]:
    """The tables that a plan reads as a whole."""
    own = {plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set()
    return own.union(*(scanned(part) for part in plan.get("Plans", ())))


def whole_tables(statements: list[Statement]) -> dict[str, set[str]]:
    """The statements that read a table of the fleet as a whole, and which."""
    found = {}
    with connection.cursor() as cursor:
        for sql, parameters in statements:
            if sql.lstrip(" (").partition(" ")[0] not in ("SELECT", "UPDATE", "INSERT", "DELETE", "WITH"):
                continue
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
            (answer,) = cursor.fetchone()
            (plan,) = json.loads(answer) if isinstance(answer, str) else answer
            tables = scanned(plan["Plan"]) & LARGE
            if tables:
                found[sql] = tables
    return found


def test_such_a_statement_is_found(fleet: Device) -> None:
    with executed() as statements:
        assert Config.objects.filter(error_reason="x").count() == 0
    assert list(whole_tables(statements).values()) == [{"config_config"}]


@pytest.mark.parametrize(
    ("what", "status"), [(poll, 200), (download, 200), (lambda client, device: report(client, device, "error"), 200),
                         (lambda client, device: update_info(client, device, model="other"), 200)],
    ids=["poll", "download", "report", "update-info"],
)  # fmt: skip
def test_devices(client: Client, fleet: Device, what: Any, status: int) -> None:
    with executed() as statements:
        assert what(client, fleet).status_code == status
    assert statements
    assert whole_tables(statements) == {}


@pytest.mark.parametrize(
    "parameters", [{}, {"key": None}, {"mac_address": "02:00:00:00:00:99", "name": "another", "key": "n" * 32}],
    ids=["known key", "known MAC address", "new"],
)  # fmt: skip
def test_enrolment(client: Client, fleet: Device, parameters: dict[str, Any]) -> None:
    Device.objects.filter(pk=fleet.pk).update(key="k" * 32)
    with executed() as statements:
        answer = register(client, **{"key": "k" * 32, **parameters})
    assert answer.status_code in (201, 400)
    assert whole_tables(statements) == {}


@pytest.mark.parametrize("query", ["", "status", "group"])
def test_the_list_of_devices(root: Client, fleet: Device, query: str) -> None:
    """Counting may take the whole table: the page says how many there are."""
    parameters = {
        "status": {"config__status__exact": "error"},
        "group": {"group_id__id__exact": str(fleet.group_id)},
    }.get(query, {})
    with executed() as statements:
        assert root.get(reverse("admin:config_device_changelist"), parameters).status_code == 200
    found = whole_tables([each for each in statements if not each[0].startswith("SELECT COUNT(*)")])
    assert found == {}


def test_searching_reads_the_devices_and_nothing_else(root: Client, fleet: Device) -> None:
    """The text may stand anywhere in nine columns; indexes for that would make every change of an address dearer."""
    with executed() as statements:
        page = root.get(reverse("admin:config_device_changelist"), {"q": "copy-77"})
    assert page.context["cl"].result_count == 11
    assert set().union(*whole_tables(statements).values()) <= {"config_device"}


@pytest.mark.parametrize(
    "query", [{"name": "opy-77"}, {"mac_address": "BB:00:00"}, {"search": "copy-77"}],
    ids=["name", "part of a MAC address", "search"],
)  # fmt: skip
def test_parts_of_texts_by_rest(root: Client, fleet: Device, query: dict[str, Any]) -> None:
    with executed() as statements:
        assert root.get("/api/v1/controller/device/", query).json()["count"] > 10
    assert set().union(*whole_tables(statements).values()) <= {"config_device"}


def test_commands_by_rest(root: Client, fleet: Device) -> None:
    with executed() as statements:
        answer = root.get(f"/api/v1/controller/device/{fleet.pk}/command/")
    assert answer.status_code == 200
    assert answer.json()["count"] == 1
    assert whole_tables(statements) == {}


BY_REST: dict[str, Callable[[Device], dict[str, Any]]] = {
    "all": lambda device: {},
    "status": lambda device: {"config__status": "error"},
    "group": lambda device: {"group": device.group_id},
    "organization": lambda device: {"organization": device.organization_id},
    "mac address": lambda device: {"mac_address": device.mac_address},
    "key": lambda device: {"key": device.key},
    "template": lambda device: {"config__templates": Template.objects.values_list("pk", flat=True).get()},
    "created": lambda device: {"created__gte": "2020-01-01"},
    "by name": lambda device: {"ordering": "name"},
    "second page": lambda device: {"page_size": 100, "page": 2},
}


@pytest.mark.parametrize("query", BY_REST)
def test_devices_by_rest(root: Client, fleet: Device, query: str) -> None:
    """Counting may take the whole table: the answer says how many there are."""
    with executed() as statements:
        assert root.get("/api/v1/controller/device/", BY_REST[query](fleet)).status_code == 200
    assert whole_tables([each for each in statements if not each[0].startswith("SELECT COUNT(*)")]) == {}


def planned() -> dict[str, int]:
    """How often each statement that PostgreSQL keeps was planned for its values alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name || ': ' || statement, custom_plans FROM pg_prepared_statements")
        return dict(cursor.fetchall())


def test_plans_are_kept(client: Client, root: Client, fleet: Device) -> None:
    """What every device and every script causes is not planned again and again: PostgreSQL settles on one plan."""

    def round_of_requests(number: int) -> None:
        new = {"name": f"new-{number}", "mac_address": f"02:00:00:00:01:{number:02X}", "key": f"{number:x}" * 32}
        assert register(client, **new).status_code == 201
        device = Device.objects.get(name=new["name"])
        for status in ("applied", "error"):
            answers = [poll(client, device), download(client, device), report(client, device, status)]
            assert [answer.status_code for answer in answers] == [200] * 3
        data = json.dumps({"config": {"context": {"number": number}}})
        answer = root.patch(f"/api/v1/controller/device/{device.pk}/", data, content_type="application/json")
        assert answer.status_code == 200, answer.content

    for number in range(9):
        round_of_requests(number)
    before = planned()
    for number in range(9, 12):
        round_of_requests(number)
    kept = planned()
    assert len(kept) > 10
    assert {statement for statement, count in kept.items() if count > before.get(statement, 0)} == set()
