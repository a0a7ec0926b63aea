"""The WSGI application behind an ASGI server: nothing of a request or an answer is lost on the way."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from asgiref.testing import ApplicationCommunicator

from openwisp_controller.server.bridge import WsgiBridge

from ..services import PATIENCE


def scope(**fields: Any) -> dict[str, Any]:
    return {
        "type": "http", "method": "POST", "path": "/a b", "raw_path": b"/a%20b", "query_string": b"x=1&y=%C3%A9",
        "http_version": "1.1", "scheme": "http", "server": ("controller", 8000), "client": ("192.0.2.7", 4711),
        "headers": [(b"content-type", b"text/plain"), (b"x-thing", b"one"), (b"x-thing", b"two")], **fields,
    }  # fmt: skip


def ask(application: Any, body: list[bytes], **fields: Any) -> list[dict[str, Any]]:
    async def run() -> list[dict[str, Any]]:
        communicator = ApplicationCommunicator(WsgiBridge(application, 2), scope(**fields))
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

    messages = ask(application, parts, headers=[(b"content-length", b"7")])
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


def test_clients_that_go_before_their_request_is_complete() -> None:
    async def run() -> None:
        communicator = ApplicationCommunicator(WsgiBridge(lambda *_: 1 / 0, 1), scope())  # type: ignore[arg-type,return-value]
        await communicator.send_input({"type": "http.request", "body": b"half", "more_body": True})
        await communicator.send_input({"type": "http.disconnect"})
        await communicator.wait(PATIENCE)
        assert await communicator.receive_nothing()

    asyncio.run(run())
