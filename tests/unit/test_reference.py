"""The reference pages say what the code does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.dispatch import Signal

from openwisp_controller.config import signals
from openwisp_controller.config.delivery.outcomes import ACTIONS
from openwisp_controller.config.policy.changes import TABLE
from openwisp_controller.config.policy.effects import Change, Compiles, Marks, Runs, Sends, first_line
from openwisp_controller.connection import signals as connection_signals
from openwisp_controller.subnet_division import signals as subnet_division_signals

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/signals.md").read_text()
SIGNALS = [
    (module, name)
    for module in (signals, connection_signals, subnet_division_signals)
    for name, value in vars(module).items()
    if isinstance(value, Signal)
]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def documented_in_code(module: ModuleType, name: str) -> list[str]:
    """The argument names in the text below the declaration of a signal."""
    source = Path(str(module.__file__)).read_text()
    match = re.search(rf'^{name} = Signal\(\)\n"""Arguments: (.*?)\.', source, re.MULTILINE)
    assert match, f"{name} does not list its arguments"
    return re.findall(r"(\w+)(?: \([^)]*\))?(?:, |$)", match[1])


def test_settings_page_is_up_to_date() -> None:
    assert (ROOT / "docs/reference/settings.md").read_text() == generator().settings_page()


def test_table_of_changes_is_up_to_date() -> None:
    assert generator().with_changes(PAGE) == PAGE


def test_page_of_changes_is_up_to_date() -> None:
    assert (ROOT / "docs/reference/changes.md").read_text() == generator().changes_page()


def test_page_of_the_python_interface_is_up_to_date() -> None:
    """Every name on it is imported on the way."""
    assert (ROOT / "docs/reference/python.md").read_text() == generator().python_page()


class TestRest:
    @pytest.fixture(scope="class")
    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = generator().rest_schema()
        return schema

    def test_files_are_up_to_date(self, schema: dict[str, Any]) -> None:
        assert (ROOT / "docs/reference/openapi.yaml").read_text() == generator().openapi_file(schema)
        assert (ROOT / "docs/reference/rest.md").read_text() == generator().rest_page(schema)

    def test_every_operation_is_described(self, schema: dict[str, Any]) -> None:
        operations = [
            (f"{method} {path}", operation)
            for path, methods in schema["paths"].items()
            for method, operation in methods.items()
        ]
        assert len(operations) > 100
        for name, operation in operations:
            assert operation["summary"], name
            assert {"401", "403"} <= operation["responses"].keys(), name
            if "requestBody" in operation:
                assert "400" in operation["responses"], name
            if "/controller/" in name:
                bodies = [operation.get("requestBody"), *(operation["responses"].get(code) for code in ("200", "201"))]
                for content in [(body or {}).get("content", {}).get("application/json") for body in bodies]:
                    assert content is None or "example" in content, name


@pytest.mark.parametrize("change", list(TABLE), ids=lambda change: change.what)
def test_every_row_of_the_table_tells_what_it_does(change: Change) -> None:
    """Each effect is a value that can be printed: no row hides what follows from it."""
    assert change.effects
    for effect in change.effects:
        assert isinstance(effect, Sends | Compiles | Marks | Runs)
        assert len(str(effect).split()) >= 2, effect
        assert "<" not in str(effect), "a function without a docstring"
    functions = [effect.step for effect in change.effects if isinstance(effect, Runs)]
    for function in [*functions, *([change.only] if change.only else ())]:
        assert function.__name__ != "<lambda>"
        assert first_line(function)


def test_every_documented_signal_is_sent_through_the_table() -> None:
    sent = {id(sends.signal) for change in TABLE for sends in change.signals()}
    assert sent == {id(getattr(module, name)) for module, name in SIGNALS}


def test_nothing_else_sends_a_documented_signal() -> None:
    """Signals are sent where the order is kept, and nowhere by hand."""
    names = "|".join(name for _module, name in SIGNALS)
    by_hand = re.compile(rf"\b({names})\.send(_robust)?\b")
    for path in (ROOT / "openwisp_controller").rglob("*.py"):
        assert not by_hand.search(path.read_text()), path


SECTIONS = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize(("module", "name"), SIGNALS)
def test_every_signal_says_how_often_it_is_delivered(module: ModuleType, name: str) -> None:
    assert re.search(r"^\*\*Delivery\*\*: (exactly once|once per request)", SECTIONS[name], re.MULTILINE)


@pytest.mark.parametrize(("module", "name"), SIGNALS)
def test_every_signal_has_a_section_with_its_arguments(module: ModuleType, name: str) -> None:
    section = SECTIONS[name]
    assert f"**Path**: `{module.__name__}.{name}`" in section
    arguments = re.search(r"\*\*Arguments\*\*: (.*?)\n\n", section + "\n\n", re.DOTALL)
    assert arguments is not None
    assert re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", arguments[1])) == documented_in_code(module, name)


def test_every_action_is_documented() -> None:
    listed = re.findall(r"^- `(\w+)`: ", SECTIONS["config_modified"], re.MULTILINE)
    assert sorted(listed) == sorted(set(ACTIONS.values()))


def test_every_environment_variable_is_documented() -> None:
    page = (ROOT / "docs/reference/environment.md").read_text()
    first_cells = re.findall(r"^\|([^|]+)\|", page, re.MULTILINE)
    documented = {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}
    source = "".join(path.read_text() for path in sorted((ROOT / "openwisp_controller/server").glob("*.py")))
    readers = r"os\.environ\.get|(?:environment\.)?\b(?:flag|number|words|choice|origins|directory)"
    read = set(re.findall(rf"(?:{readers})\(\s*\"([A-Z_]+)\"", source))
    assert read == documented


PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target
