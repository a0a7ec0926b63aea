"""States in words and colour."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString


def badge(kind: str, text: Any) -> SafeString:
    """Return a state as lists show it.

    Args:
        kind: "good", "bad", "waiting" or "idle"; it decides the colour (``controller.css``).
        text: the state, as people call it.
    """
    return format_html('<span class="controller-badge {}">{}</span>', kind, text)
