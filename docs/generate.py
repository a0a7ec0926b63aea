"""Write the generated parts of the reference: ``python docs/generate.py``. A test compares them with the code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).resolve().parent / "reference"
BEGIN, END = "<!-- generated: changes -->", "<!-- end of generated -->"


def settings_page() -> str:
    """Return the page of settings."""
    from openwisp_controller.config.settings import settings as config_settings
    from openwisp_controller.connection.settings import settings as connection_settings
    from openwisp_controller.geo.settings import settings as geo_settings
    from openwisp_controller.subnet_division.settings import settings as subnet_division_settings

    lines = [
        "# Settings",
        "",
        "Django settings of the apps; read each time they are used, except the hardware id field's.",
        "The ready-made server takes its own options from the [environment](environment.md); to set these, write a",
        "module that starts with `from openwisp_controller.server.settings import *` and name it in",
        "`DJANGO_SETTINGS_MODULE`. Values that cannot be used are refused at the start, by name;",
        "`openwisp-controller check` and `openwisp-controller manage check` tell them, too.",
    ]
    for title, group in (
        ("Devices, templates, registration", config_settings),
        ("Reaching devices: credentials, push, commands", connection_settings),
        ("Subnet division", subnet_division_settings),
        ("Locations, floor plans", geo_settings),
    ):
        lines += ["", f"## {title}", "", "| Setting | Default | Meaning |", "|---|---|---|"]
        for setting in sorted(group, key=lambda setting: setting.name):
            lines.append(f"| `{setting.name}` | `{_shown(setting.default(group))}` | {setting.purpose} |")
    return "\n".join(lines) + "\n"


def signals_table() -> str:
    """Return which changes send which signal, as markdown."""
    from openwisp_controller.config.delivery.emissions import ORDER
    from openwisp_controller.config.policy.changes import TABLE
    from openwisp_controller.config.policy.effects import signal_name

    senders: dict[str, list[str]] = {signal_name(signal): [] for together in ORDER for signal in together}
    for change in TABLE:
        for sends in change.signals():
            senders.setdefault(signal_name(sends.signal), []).append(change.what)
    lines = ["| Signal | is sent when |", "|---|---|"]
    return "\n".join(lines + [f"| `{name}` | {'; '.join(changes)} |" for name, changes in senders.items()])


def changes_page() -> str:
    """Return the page that says what every change leads to, and what happens in a unit of work."""
    from openwisp_controller.config.delivery.emissions import ORDER
    from openwisp_controller.config.policy.changes import TABLE
    from openwisp_controller.config.policy.effects import signal_name
    from openwisp_controller.config.unit_of_work import Stage, phases

    stages = {
        Stage.SETTLE: "inside the transaction, repeated until nothing is left",
        Stage.CONCLUDE: "inside the transaction, once",
        Stage.DELIVER: "inside the transaction; for work in the background after its commit",
    }
    lines = [
        "# Changes, and what they lead to",
        "",
        "Written from the code by `python docs/generate.py`. Every save, every edited list of templates and every",
        "event that a use case reports is looked up in the table below, in the *unit of work* that it is part of; the",
        "effects of a row come in their order. [Signals](signals.md) tells how the documented signals are delivered.",
        "",
        "## What happens at the end of a unit of work",
        "",
        "| | Phase | does | when |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {number} | {phase.name} | {phase.purpose} | {stages[phase.stage]} |"
        for number, phase in enumerate(sorted(phases, key=lambda phase: list(Stage).index(phase.stage)), 1)
    ]
    lines += [
        "",
        "## The order of signals",
        "",
        "About one device, group or server, in this order; those in one line in the order in which they came. Signals",
        "of other apps come after them.",
        "",
    ]
    lines += [
        f"{number}. " + ", ".join(f"`{signal_name(signal)}`" for signal in together)
        for number, together in enumerate(ORDER, 1)
    ]
    lines += ["", "## The table", ""]
    models = list(dict.fromkeys(change.trigger.model for change in TABLE))
    for model in models:
        name = str(model._meta.verbose_name).capitalize() if hasattr(model, "_meta") else "Any object"
        heading = f"{model.__name__} ({name[:1].lower()}{name[1:]})" if hasattr(model, "_meta") else name
        lines += [f"### {heading}", "", "| When | observed | then |", "|---|---|---|"]
        for change in (change for change in TABLE if change.trigger.model is model):
            observed = str(change.trigger)
            if change.only is not None:
                observed += f", {_condition(change.only)}"
            effects = "; ".join(str(effect) for effect in change.effects)
            lines.append(f"| {change.what} | {observed} | {effects} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _condition(only: Any) -> str:
    from openwisp_controller.config.policy.effects import first_line

    return f"only if {first_line(only)}"


def with_changes(page: str) -> str:
    """Return the page of signals with the table of changes brought up to date."""
    head, rest = page.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    return f"{head}{BEGIN}\n{signals_table()}\n{END}{tail}"


def rest_schema() -> dict[str, Any]:
    """Return the description of the REST interface, as OpenAPI 3."""
    from drf_spectacular.drainage import GENERATOR_STATS
    from drf_spectacular.generators import SchemaGenerator

    with GENERATOR_STATS.silence():
        schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return schema


def openapi_file(schema: dict[str, Any]) -> str:
    """Return the description as YAML."""
    from drf_spectacular.renderers import OpenApiYamlRenderer

    return OpenApiYamlRenderer().render(schema, renderer_context={}).decode()


def rest_page(schema: dict[str, Any]) -> str:
    """Return the page that lists every operation of the REST interface."""
    operations: dict[str, list[str]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            row = f"| `{method.upper()}` | `{path}` | {operation['summary']} |"
            operations.setdefault(operation["tags"][0], []).append(row)
    lines = [
        "# REST interface",
        "",
        "Written from the code by `python docs/generate.py`. Fields, filters, examples and error answers of every",
        "operation are in [openapi.yaml](openapi.yaml), and interactive at `/api/v1/docs/` of a server.",
        "[How to use it with curl](../how-to/rest.md).",
    ]
    for tag, rows in operations.items():
        lines += ["", f"## {tag}", "", "| Method | Path | does |", "|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


def python_page() -> str:
    """Return the page of names that packages may rely on."""
    sys.path.insert(0, str(REFERENCE.parent))
    try:
        import python_interface
    finally:
        sys.path.pop(0)
    return python_interface.page()


def _shown(value: Any) -> str:
    return str(value if not isinstance(value, tuple) else tuple(_plain(item) for item in value)).replace("|", "\\|")


def _plain(value: Any) -> Any:
    return tuple(map(_plain, value)) if isinstance(value, tuple) else str(value)


def main() -> None:
    """Write the pages."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openwisp_controller.server.settings")
    sys.path.insert(0, str(REFERENCE.parent.parent))
    import django

    django.setup()
    (REFERENCE / "settings.md").write_text(settings_page())
    schema = rest_schema()
    (REFERENCE / "openapi.yaml").write_text(openapi_file(schema))
    (REFERENCE / "rest.md").write_text(rest_page(schema))
    signals = REFERENCE / "signals.md"
    signals.write_text(with_changes(signals.read_text()))
    (REFERENCE / "changes.md").write_text(changes_page())
    (REFERENCE / "python.md").write_text(python_page())


if __name__ == "__main__":
    main()
