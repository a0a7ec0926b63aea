"""The WSGI application behind an ASGI server: nothing of a request or an answer is lost on the way."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from openwisp_controller.server.bodies import BodyLimits
from openwisp_controller.server.bridge import AsgiBridge

from ..services import PATIENCE


def scope(**fields: Any) -> dict[str, Any]:
    return {
        "type": "http", "method": "POST", "path": "/a b", "raw_path": b"/a%20b", "query_string": b"x=1&y=%C3%A9",
        "http_version": "1.1", "scheme": "http", "server": ("controller", 8000), "client": ("192.0.2.7", 4711),
        "headers": [(b"content-type", b"text/plain"), (b"x-thing", b"one"), (b"x-thing", b"two")], **fields,
    }  # fmt: skip


def ask(
    application: Any, body: list[bytes], limits: BodyLimits | None = None, headers: Any = (), **fields: Any
) -> list[dict[str, Any]]:
    length = str(sum(len(part) for part in body)).encode()
    usual = [*scope()["headers"], (b"content-length", length)]

    async def run() -> list[dict[str, Any]]:
        bridge = AsgiBridge(application, 2, limits)
        communicator = ApplicationCommunicator(bridge, scope(headers=[*(headers or usual)], **fields))
        for number, part in enumerate(body):
            more = number < len(body) - 1
            await communicator.send_input({"type": "http.request", "body": part, "more_body": more})
        messages = []
        while not messages or messages[-1].get("more_body", messages[-1]["type"] == "http.response.start"):
            messages.append(await communicator.receive_output(PATIENCE))
        await communicator.wait(PATIENCE)
        return messages

    return asyncio.run(run())


def test_the_environment() -> None:
    seen: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen.update(environ)
        start_response("204 No Content", [("X-Answer", "yes")])
        return []

    start, end = ask(application, [b""])
    assert start == {"type": "http.response.start", "status": 204, "headers": [(b"x-answer", b"yes")]}
    assert end == {"type": "http.response.body", "body": b""}
    assert (seen["REQUEST_METHOD"], seen["PATH_INFO"], seen["QUERY_STRING"]) == ("POST", "/a b", "x=1&y=%C3%A9")
    assert (seen["REMOTE_ADDR"], seen["SERVER_NAME"], seen["SERVER_PORT"]) == ("192.0.2.7", "controller", "8000")
    assert (seen["CONTENT_TYPE"], seen["HTTP_X_THING"], seen["CONTENT_LENGTH"]) == ("text/plain", "one,two", "0")


def test_large_bodies_arrive_whole() -> None:
    parts = [bytes([number]) * 700_000 for number in range(4)]

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        start_response("200 OK", [])
        return [hashlib.sha256(body).hexdigest().encode()]

    messages = ask(application, parts)
    assert messages[1]["body"].decode() == hashlib.sha256(b"".join(parts)).hexdigest()


def test_answers_are_streamed_and_closed() -> None:
    closed: list[bool] = []

    class Chunks:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"one", b"two"])

        def close(self) -> None:
            closed.append(True)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Chunks()

    messages = ask(application, [b""])
    assert [message["body"] for message in messages[1:]] == [b"one", b"two", b""]
    assert closed == [True]


def never(*arguments: Any) -> Iterable[bytes]:
    raise AssertionError("the application was asked")


def always(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [])
    return []


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ([(b"content-length", b"101")], 413, b"error: the request carries more than 100 bytes\n"),
        ([(b"content-length", b"-1")], 400, b"error: Content-Length is no number\n"),
        ([(b"content-length", "²".encode())], 400, b"error: Content-Length is no number\n"),
        ([(b"transfer-encoding", b"chunked")], 411, b"error: send the length of the request with it, not in chunks\n"),
    ],
)
@pytest.mark.parametrize("path", ["/controller/register/", "/admin/"])
def test_refused_before_they_are_read(headers: Any, status: int, text: bytes, path: str) -> None:
    start, end = ask(never, [b""], BodyLimits(100), headers, path=path, raw_path=None)
    assert (start["status"], end["body"]) == (status, text)
    named = dict(start["headers"])
    assert named[b"connection"] == b"close"
    assert named.get(b"x-openwisp-controller") == (b"true" if path.startswith("/controller/") else None)


def test_a_later_version_of_http_needs_no_chunks_to_send_without_a_length() -> None:
    headers = [(b"content-type", b"text/plain")]
    start, _ = ask(never, [b"half"], headers=headers, http_version="2")
    assert start["status"] == 411
    start, _ = ask(always, [b""], headers=headers, http_version="2", method="GET")
    assert start["status"] == 200


def test_bodies_that_do_not_come() -> None:
    async def run() -> list[dict[str, Any]]:
        bridge = AsgiBridge(never, 1, BodyLimits(100, patience=0.01))
        communicator = ApplicationCommunicator(bridge, scope(headers=[(b"content-length", b"9")]))
        await communicator.send_input({"type": "http.request", "body": b"half", "more_body": True})
        return [await communicator.receive_output(PATIENCE) for _ in range(2)]

    start, end = asyncio.run(run())
    assert (start["status"], end["body"]) == (408, b"error: the request did not arrive in time\n")


def test_what_comes_buys_time() -> None:
    """A large upload over a slow line arrives, as long as it goes on."""

    async def run() -> bytes:
        limits = BodyLimits(10_000_000, patience=0.05, rate=10.0)

        async def slowly() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"x" * 100_000
                await asyncio.sleep(0.06)

        with await limits.read(slowly(), 300_000) as body:
            return body.read()

    assert len(asyncio.run(run())) == 300_000


def test_clients_that_go_before_their_request_is_complete() -> None:
    async def run() -> None:
        announced = scope(headers=[(b"content-length", b"9")])
        communicator = ApplicationCommunicator(AsgiBridge(never, 1), announced)
        await communicator.send_input({"type": "http.request", "body": b"half", "more_body": True})
        await communicator.send_input({"type": "http.disconnect"})
        await communicator.wait(PATIENCE)
        assert await communicator.receive_nothing()

    asyncio.run(run())
