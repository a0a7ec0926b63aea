"""A real browser, logged in as an administrator."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..services import PATIENCE

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a browser makes of a page does not depend on the database, but every page has to open on each."""
    for item in items:
        if HERE in item.path.parents and "open" not in item.name:
            item.add_marker(pytest.mark.once)


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """Chromium. Its driver keeps an event loop in this thread, so it is gone before the tests of other packages run."""
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    assert executable, "Chromium is not installed: run scripts/bootstrap"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # else Django refuses the database beside that loop
        yield chromium
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        chromium.close()


@pytest.fixture
def page(browser: Any, live_server: Any, transactional_db: Any) -> Iterator[Any]:
    """A page of a superuser called "operator"; errors in its console fail the test."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    client = Client()
    client.force_login(get_user_model().objects.create_superuser("operator", "operator@example.org", "secret"))
    session = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1300, "height": 1000})
    context.add_cookies([session])
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
    yield page
    context.close()
    assert not problems
