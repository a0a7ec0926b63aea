"""What pages of packages load from us works in a browser."""

from __future__ import annotations

from typing import Any

import pytest

SCRIPT = "/static/connection/js/lib/reconnecting-websocket.min.js"


@pytest.mark.parametrize("before", ["", '<script>window.ReconnectingWebSocket = "theirs"</script>'])
def test_the_library_of_websockets_is_there_before_the_next_script_runs(page: Any, before: str) -> None:
    next_script = "<script>document.title = typeof ReconnectingWebSocket</script>"
    page.route("**/of-a-package/", lambda route: route.fulfill(
        content_type="text/html", body=f'<!doctype html>{before}<script src="{SCRIPT}"></script>{next_script}'
    ))  # fmt: skip
    page.goto("/of-a-package/")
    assert page.title() == ("string" if before else "function")
