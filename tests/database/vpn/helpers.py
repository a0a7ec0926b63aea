"""What the tests of VPN servers share."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from openwisp_controller.config.models import Config, Vpn


def files(compiled: Any) -> dict[str, str]:
    """Contents by path of what a device or server may fetch now."""
    stored = type(compiled).objects.get(pk=compiled.pk)
    assert stored.released is not None, getattr(stored, "compile_error", "")
    return {file.path: file.contents for file in stored.released.files()}


def client_of(config: Config, vpn: Vpn) -> Any:
    return config.vpnclient_set.get(vpn=vpn)


def errors_of(instance: Any, **changes: Any) -> dict[str, list[str]]:
    """What validation says, by field; empty when it has nothing to say."""
    for name, value in changes.items():
        setattr(instance, name, value)
    try:
        instance.full_clean()
    except ValidationError as error:
        return error.message_dict
    return {}


def dedent(text: str) -> str:
    """Strip the indentation of the code around a text, and turn leading groups of four spaces into tabs (UCI)."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return "\n".join(("\t" if line.startswith(("option", "list")) else "") + line for line in lines)
