"""A client of the REST interface that sends and reads JSON."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

BASE = "/api/v1/controller"
#: What clients are told of an object that is not theirs.
NOT_THERE = {"detail": "Not found."}


class Rest:
    """Somebody's way to the REST interface.

    Args:
        client: logged in, or not.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(BASE + path, query)

    def post(self, path: str, data: Any = None, **headers: Any) -> Any:
        return self._send("post", path, data, headers)

    def put(self, path: str, data: Any, **headers: Any) -> Any:
        return self._send("put", path, data, headers)

    def patch(self, path: str, data: Any, **headers: Any) -> Any:
        return self._send("patch", path, data, headers)

    def delete(self, path: str, **headers: Any) -> Any:
        return self.client.delete(BASE + path, headers=headers)

    def _send(self, method: str, path: str, data: Any, headers: dict[str, Any]) -> Any:
        body = json.dumps(data) if data is not None else ""
        return getattr(self.client, method)(BASE + path, body, content_type="application/json", headers=headers)


def made(answer: Any) -> Any:
    """Return what was created, or show why it was not."""
    assert answer.status_code == 201, (answer.status_code, answer.content)
    return answer.json()


def done(answer: Any) -> Any:
    """Return the answer to a read or a write, or show why there is none."""
    assert answer.status_code == 200, (answer.status_code, answer.content)
    return answer.json()


def wrong(answer: Any) -> Any:
    """Return what is said about bad input."""
    assert answer.status_code == 400, (answer.status_code, answer.content)
    return answer.json()
