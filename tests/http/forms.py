"""What a browser posts for a page with a form, as it was answered."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


class _Fields(HTMLParser):
    """Collects the fields of the form in ``#content-main``, or of the first one that posts."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, Any] = {}
        self._inside = self._done = False
        self._textarea: str | None = None
        self._select: str | None = None
        self._is_multiple = False
        self._first: dict[str, str] = {}
        self._option: str | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form" and given.get("method", "").lower() == "post" and given.get("id") != "logout-form":
            self._inside = not self._done
        name = given.get("name")
        if not self._inside or "disabled" in given:
            return
        if tag == "option" and self._select is not None:
            if "selected" in given:
                self._add(self._select, given.get("value", ""))
            elif self._select not in self.values and not self._is_multiple:
                self._first[self._select] = self._first.get(self._select, given.get("value", ""))
            return
        if not name:
            return
        if tag == "textarea":
            self._textarea = name
            self.values[name] = ""
        elif tag == "select":
            self._select, self._is_multiple = name, "multiple" in given
        elif tag == "input":
            self._input(name, given)

    def _input(self, name: str, given: dict[str, str]) -> None:
        kind = given.get("type", "text")
        if kind in ("submit", "button", "image", "file", "reset"):
            return
        if kind in ("checkbox", "radio"):
            if "checked" not in given:
                return
            if "sortedm2m" in given.get("class", ""):  # its script posts them in one value
                self.values[name] = ",".join(filter(None, (self.values.get(name), given["value"])))
                return
            self._add(name, given.get("value", "on"))
            return
        self.values[name] = given.get("value", "")

    def _add(self, name: str, value: str) -> None:
        known = self.values.get(name)
        if known in (None, ""):
            self.values[name] = value
        else:
            self.values[name] = [*(known if isinstance(known, list) else [known]), value]

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._textarea = None
        elif tag == "select" and self._select is not None:
            if self._select not in self.values and self._select in self._first:
                self.values[self._select] = self._first[self._select]  # the first option of a list with none chosen
            self._select = None
        elif tag == "form" and self._inside:
            self._inside, self._done = False, True

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self.values[self._textarea] += data


def form_of(answer: Any) -> dict[str, Any]:
    """Return what a browser would post for a page, if nothing was typed and no button named."""
    assert answer.status_code == 200, answer.status_code
    parser = _Fields()
    parser.feed(answer.content.decode())
    values = {
        name: value.removeprefix("\n") if isinstance(value, str) else value for name, value in parser.values.items()
    }
    return {name: value for name, value in values.items() if "__prefix__" not in name}
