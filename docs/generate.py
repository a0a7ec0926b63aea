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
    ):
        lines += ["", f"## {title}", "", "| Setting | Default | Meaning |", "|---|---|---|"]
        for setting in sorted(group, key=lambda setting: setting.name):
            lines.append(f"| `{setting.name}` | `{_shown(setting.default(group))}` | {setting.purpose} |")
    return "\n".join(lines) + "\n"


def changes_table() -> str:
    """Return the table of changes, as markdown."""
    from openwisp_controller.config import signals
    from openwisp_controller.config.policy.changes import TABLE

    names = {id(signal): name for name, signal in vars(signals).items()}
    lines = ["| When this is saved | and this happens | signal | configurations are compiled |", "|---|---|---|---|"]
    for change in TABLE:
        signal = f"`{names[id(change.signal)]}`" if change.signal is not None else ""
        compiled = change.when if change.cause is not None or change.when == "background" else ""
        lines.append(f"| {change.model.__name__} | {change.what} | {signal} | {compiled} |")
    return "\n".join(lines)


def with_changes(page: str) -> str:
    """Return the page of signals with the table of changes brought up to date."""
    head, rest = page.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    return f"{head}{BEGIN}\n{changes_table()}\n{END}{tail}"


def _shown(value: Any) -> str:
    return str(value if not isinstance(value, tuple) else tuple(_plain(item) for item in value)).replace("|", "\\|")


def _plain(value: Any) -> Any:
    return tuple(map(_plain, value)) if isinstance(value, tuple) else str(value)


def main() -> None:
    """Write both pages."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openwisp_controller.server.settings")
    sys.path.insert(0, str(REFERENCE.parent.parent))
    import django

    django.setup()
    (REFERENCE / "settings.md").write_text(settings_page())
    signals = REFERENCE / "signals.md"
    signals.write_text(with_changes(signals.read_text()))


if __name__ == "__main__":
    main()
