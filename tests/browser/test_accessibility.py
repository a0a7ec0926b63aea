"""Every page of the administration: nothing serious found by axe, no error in the console, no file that is missing.

axe comes from the npm registry with what builds the editors (``frontend/``). Colours are looked at in both themes.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection as db
from django.urls import reverse

from openwisp_controller.config.models import Device
from openwisp_controller.connection.models import BatchCommand, Command

from ..rest.addresses import tenant

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = pytest.mark.skipif(
    not AXE.exists(), reason="axe-core is not there: scripts/bootstrap could not fetch it from the npm registry"
)
PARTS = 4
#: Colours on their way from one to another are nobody's fault.
STILL = """addEventListener("DOMContentLoaded", () => {
    const style = document.createElement("style");
    style.textContent = "*, ::before, ::after { transition: none !important; animation: none !important; }";
    document.head.append(style);
});"""
LOOK = """async ([names]) => {
    const options = { resultTypes: ["violations"], ...(names ? { runOnly: names } : {}) };
    const found = await axe.run(document, options);
    return found.violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).flatMap(({ id, nodes }) =>
        nodes.slice(0, 3).map((node) => `${id}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`));
}"""


class Walk:
    """Opens pages and remembers what is wrong with them."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.found: dict[str, list[str]] = {}
        self._at = ""
        page.add_init_script(path=str(AXE))
        page.add_init_script(STILL)
        page.on("console", lambda message: self._note(message.text) if message.type == "error" else None)
        page.on("response", lambda answer: self._missing(answer))
        page.on("dialog", lambda dialog: dialog.accept())

    def _note(self, text: str) -> None:
        if "ws://" not in text and "Failed to load resource" not in text:  # sockets are not served here
            self._tell(text)

    def _tell(self, problem: str) -> None:
        pages = self.found.setdefault(problem, [])
        if self._at not in pages:
            pages.append(self._at)

    def end(self) -> None:
        """Fail where anything was wrong, and say each with the first page that has it."""
        if self.found:
            lines = [f"{problem} ({pages[0]}, {len(pages)} pages)" for problem, pages in self.found.items()]
            pytest.fail("\n".join(lines), pytrace=False)

    def _missing(self, answer: Any) -> None:
        if answer.status >= 400 and answer.url != self.page.url and answer.request.resource_type != "document":
            self._tell(f"{answer.status} {answer.url}")

    def open(self, path: str, status: int = 200, themes: tuple[str, ...] = ("light", "dark")) -> None:
        """Look at a page. One that is refused is left out: not everything is added, changed or deleted by hand."""
        self._at = path
        answer = self.page.goto(path)
        if answer is not None and answer.status == 403:
            return
        if answer is not None and answer.status != status:
            self._tell(f"answered with {answer.status}")
            return
        self.page.wait_for_selector("[aria-busy=true]", state="detached")  # a tab that is loaded when it is opened
        for theme in themes:
            names = ["color-contrast"] if theme == "dark" else None
            self.page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
            for text in self.page.evaluate(LOOK, [names]):
                self._tell(f"{theme}: {text}")


@pytest.fixture
def acme(transactional_db: Any) -> None:
    """An organization with an object of every kind. Notifications are sent where no event loop is, unlike here."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: (tenant("acme", "10.1"), db.close())).result()


@pytest.fixture
def walk(page: Any, acme: None) -> Walk:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(reduced_motion="reduce")
    return Walk(page)


def pages_of_models() -> Iterator[str]:
    """Yield the list, add, change, history and delete page of every model, where there is an object."""
    for model in sorted(admin.site._registry, key=lambda each: each._meta.label):
        names = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found: Any = model._default_manager.first()
        for name in ("changelist", "add", "change", "history", "delete"):
            if name in ("changelist", "add"):
                yield reverse(f"{names}_{name}")
            elif found is not None:
                yield reverse(f"{names}_{name}", args=[found.pk])


@pytest.mark.parametrize("part", range(PARTS))
def test_pages_of_models(walk: Walk, part: int) -> None:
    paths = list(pages_of_models())
    assert len(paths) > 80
    for path in paths[part::PARTS]:
        is_plain = path.endswith(("/history/", "/delete/"))  # nothing there has colours of its own
        walk.open(path, themes=("light",) if is_plain else ("light", "dark"))
    walk.end()


SPECIAL = (
    "/admin/", "/admin/password_change/", "/admin/openwisp-system-info/", "/admin/config/device/import/",
    "/admin/config/device/export/", "/admin/config/device/recover/", "/admin/config/template/recover/",
    "/notifications/preferences/", "/accounts/password/reset/",
)  # fmt: skip


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_special_pages(walk: Walk, size: tuple[int, int]) -> None:
    device = Device.objects.get()
    batch = BatchCommand.objects.get()
    Command.objects.update(batch_command=batch)
    walk.page.set_viewport_size({"width": size[0], "height": size[1]})
    for path in (*SPECIAL, f"/admin/connection/batchcommand/{batch.pk}/change/", "/admin/config/device/"):
        walk.open(path)
    walk.open("/admin/config/device/nonsense/", 404)
    for tab in ("config-group", "devicelocation-group", "deviceconnection_set-group", "command_set-2-group"):
        walk.open(f"/admin/config/device/{device.pk}/change/#{tab}")
    walk.page.context.clear_cookies()
    walk.open("/admin/login/")
    walk.end()
