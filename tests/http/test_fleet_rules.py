"""Whatever a controller does wrong is found, named with device and endpoint, and fails the run."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable

import pytest
from aiohttp import web
from multidict import CIMultiDict

from openwisp_controller.fleet import Endpoint, EventKind, Fleet, State

from .fleet_controller import (
    HEADER,
    OTHER,
    FakeController,
    all_in,
    all_stopped,
    make_archive,
    make_fleet,
    run_until,
    run_with,
    text,
)

GOOD = ("registration-result: success", f"uuid: {'a' * 32}", f"key: {'b' * 32}", "hostname: x", "is-new: 1")


def registration(*lines: str, status: int = 201, **headers: str) -> web.Response:
    answer = text("".join(f"{line}\n" for line in lines or GOOD), status)
    answer.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return answer


def edited(number: int, line: str) -> web.Response:
    return registration(*GOOD[:number], line, *GOOD[number + 1 :])


def twice() -> web.Response:
    name = "X-Openwisp-Controller"
    return web.Response(
        body=b"0" * 32, headers=CIMultiDict([(name, "true"), (name, "true")]), content_type="text/plain"
    )


def special(kind: bytes) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        member = tarfile.TarInfo("dev/sda")
        member.type = kind
        archive.addfile(member)
    return gzip.compress(plain.getvalue(), mtime=0)


def found(fleet: Fleet) -> bool:
    return bool(fleet.violations)


@pytest.mark.parametrize(
    ("action", "answer", "what"),
    [
        ("checksum", lambda: text("None"), "'None' is no checksum of 32 lower-case hexadecimal digits"),
        ("checksum", lambda: text("A" * 32), "is no checksum"),
        ("checksum", lambda: text("0" * 31), "is no checksum"),
        ("checksum", lambda: text("0" * 32 + "\n"), "followed by a line end"),
        ("checksum", lambda: text("0" * 32 + "\r"), "followed by a line end"),
        ("checksum", lambda: text("error: wrong key\n", 403), "unexpected status 403"),
        ("checksum", lambda: web.Response(body=b"0" * 32, headers=HEADER), "content type"),
        ("checksum", twice, "the X-Openwisp-Controller header came 2 times"),
        ("download-config", lambda: text("oops"), "content type 'text/plain'"),
        ("download-config", lambda: web.Response(status=500), "unexpected status 500"),
        ("download-config", lambda: web.Response(status=503), "the X-Openwisp-Controller header is missing"),
        ("report-status", lambda: text("ok"), "malformed body 'ok' without current-status"),
        ("report-status", lambda: text("report-result: success\n"), "without current-status"),
        (
            "report-status",
            lambda: text("report-result: success\ncurrent-status: fine\n"),
            "current-status is 'fine', which is none of applied, deactivated, deactivating, error, modified",
        ),
        ("report-status", lambda: text("report-result: success\ncurrent-status: applied"), "malformed body"),
        ("register", lambda: text("uuid: 1\nkey: 2\n", 201), "malformed registration body"),
        ("register", lambda: text("nothing", 201), "malformed registration body"),
        ("register", lambda: registration(*GOOD, "more: 1"), "malformed registration body"),
        ("register", lambda: text("\n".join(GOOD), 201), "malformed registration body"),
        ("register", lambda: edited(0, "registration-result: failure"), "registration-result is 'failure'"),
        ("register", lambda: edited(1, "uuid: 1-2"), "uuid '1-2' is not 32 lower-case hexadecimal digits"),
        ("register", lambda: edited(2, "key: "), "key '' is empty or has spaces"),
        ("register", lambda: edited(3, "hostname: two words"), "hostname 'two words' is empty or has spaces"),
        ("register", lambda: edited(4, "is-new: yes"), "is-new is 'yes'"),
        ("register", lambda: registration(X_Trace="uuid: 1"), "the header 'X-Trace' looks like a line of the body"),
        ("register", lambda: registration(X_Api_Key="1"), "the header 'X-Api-Key' looks like a line of the body"),
        ("register", lambda: registration(status=200), "unexpected status 200"),
        (
            "register",
            lambda: web.Response(status=301, headers={**HEADER, "Location": "/"}),
            "unexpected status 301",
        ),
    ],
)
def test_broken_rule_is_a_violation(action: str, answer: Callable[[], web.Response], what: str) -> None:
    async def scenario(controller: FakeController) -> None:
        async def wrong(request: web.Request) -> web.StreamResponse:
            return answer()

        controller.faults[action] = wrong
        fleet = await run_until(controller, found)
        assert {violation.endpoint for violation in fleet.violations} == {Endpoint(action)}
        assert what in " | ".join(violation.what for violation in fleet.violations)
        assert fleet.problems()[0].startswith(f"violation: device-0001: {action}: ")

    run_with(scenario)


def test_wrong_answer_after_boot_is_a_violation() -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_in(State.APPLIED))

        async def wrong(request: web.Request) -> web.StreamResponse:
            return text("update-info: success\n")

        controller.faults["update-info"] = wrong
        await run_until(controller, found, fleet)
        assert str(fleet.violations[0]) == "device-0001: update-info: malformed body 'update-info: success\\n'"

    run_with(scenario)


@pytest.mark.parametrize(
    ("archive", "what", "state"),
    [
        (make_archive({"etc/config/x": "nonsense"}), "etc/config/x: line 1: unknown command 'nonsense'", State.ERROR),
        (make_archive({"etc/config/x": b"config c '\xff'\n"}), "etc/config/x is not UTF-8 text", State.ERROR),
        (make_archive({"/etc/shadow": ""}), "unsafe path '/etc/shadow'", State.APPLIED),
        (make_archive({"etc/../../x": ""}), "unsafe path 'etc/../../x'", State.APPLIED),
        (special(tarfile.BLKTYPE), "'dev/sda' is neither a file nor a directory", State.ERROR),
        (special(tarfile.SYMTYPE), "'dev/sda' is neither a file nor a directory", State.ERROR),
        (b"no archive", "not a gzip stream", State.ERROR),
    ],
    ids=["no-uci", "no-text", "absolute", "upwards", "device", "link", "no-archive"],
)
def test_unfit_archive_is_a_violation(archive: bytes, what: str, state: State) -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, lambda fleet: found(fleet) and all_in(state)(fleet))
        assert [violation.endpoint for violation in fleet.violations] == [Endpoint.DOWNLOAD]
        assert what in fleet.violations[0].what
        assert controller.reports()[0]["status"] == str(state)
        assert "etc/shadow" not in fleet.devices[0].storage.files

    run_with(scenario, archive)


def test_interim_answer_is_a_violation() -> None:
    async def scenario(controller: FakeController) -> None:
        async def go_on(request: web.Request) -> None:
            assert request.transport is not None
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

        controller.faults["report-status"] = go_on
        fleet = await run_until(controller, all_in(State.APPLIED))
        assert [violation.endpoint for violation in fleet.violations] == [Endpoint.REPORT_STATUS]
        assert "an interim answer 100 came before the final one" in fleet.violations[0].what

    run_with(scenario)


@pytest.mark.parametrize("action", ["register", "checksum"])
def test_missing_header_is_a_violation_and_ends_the_agent(action: str) -> None:
    async def scenario(controller: FakeController) -> None:
        controller.strip_header.add(action)
        fleet = await run_until(controller, all_stopped)
        assert fleet.devices[0].state is State.BROKEN
        assert fleet.devices[0].exit_code == 4
        assert [violation.endpoint for violation in fleet.violations] == [action]
        assert "the X-Openwisp-Controller header is missing" in fleet.violations[0].what

    run_with(scenario)


@pytest.mark.parametrize("action", ["update-info", "report-status"])
def test_missing_header_of_other_answers_ends_the_agent_too(action: str) -> None:
    async def scenario(controller: FakeController) -> None:
        fleet = await run_until(controller, all_in(State.APPLIED))
        controller.strip_header.add(action)
        controller.archive = OTHER
        await run_until(controller, lambda fleet: fleet.devices[0].exit_code == 4, fleet)
        assert [violation.endpoint for violation in fleet.violations] == [action]

    run_with(scenario)


def test_download_without_header_is_a_violation_the_agent_does_not_mind() -> None:
    async def scenario(controller: FakeController) -> None:
        controller.strip_header.add("download-config")
        fleet = await run_until(controller, all_in(State.APPLIED))
        assert [violation.endpoint for violation in fleet.violations] == [Endpoint.DOWNLOAD]

    run_with(scenario)


def test_mismatch_is_a_violation_only_when_it_persists() -> None:
    async def scenario(controller: FakeController) -> None:
        controller.announced = "0" * 32
        fleet = await run_until(controller, lambda fleet: controller.actions().count("download-config") >= 5)
        assert len(fleet.violations) == 1
        assert "3 cycles in a row" in fleet.violations[0].what
        assert controller.reports() == []

    run_with(scenario)


def test_mismatch_of_one_cycle_is_benign() -> None:
    async def scenario(controller: FakeController) -> None:
        async def change_in_between(request: web.Request) -> web.StreamResponse | None:
            controller.archive = OTHER
            return None

        controller.faults["download-config"] = change_in_between
        fleet = await run_until(controller, all_in(State.APPLIED))
        assert fleet.violations == []
        assert controller.actions().count("download-config") == 2

    run_with(scenario)


def test_temporary_absence_is_no_violation() -> None:
    async def scenario(controller: FakeController) -> None:
        async def busy_once(request: web.Request) -> web.StreamResponse:
            del controller.faults[request.path.split("/")[2]]
            return text("error: temporarily unavailable\n", 503)

        retries: list[str] = []
        controller.faults = dict.fromkeys(("register", "checksum", "download-config", "report-status"), busy_once)
        fleet = make_fleet(
            controller, on_event=lambda event: retries.append(event.detail) if event.kind is EventKind.RETRY else None
        )
        await run_until(controller, all_in(State.APPLIED), fleet)
        assert fleet.violations == []
        assert len(retries) == 4

    run_with(scenario)


def test_no_more_than_a_thousand_violations_are_kept() -> None:
    fleet = Fleet("http://unused", "secret", 1)
    for number in range(1002):
        fleet.devices[0].violation(Endpoint.CHECKSUM, f"answer {number}")
        fleet.devices[0].violation(Endpoint.CHECKSUM, f"answer {number % 1000}")
    assert len(fleet.violations) == 1000
    assert fleet.summary().violations == 1002
    assert "violation: 2 further ones were not kept" in fleet.problems()
