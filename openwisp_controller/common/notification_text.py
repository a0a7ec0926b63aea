"""Texts in notifications, which are templates of Markdown."""

from __future__ import annotations

import html
from typing import Any

_ENTITIES = str.maketrans({"{": "&#123;", "}": "&#125;"})


def as_written(value: Any) -> str:
    """Return a text for a notification that is shown as it is: without markup, links and placeholders of its own.

    Names that people gave and reasons that devices or servers stated go through this.
    """
    text = " ".join(html.escape(str(value), quote=False).split())
    return text.replace("](", "]&#40;").translate(_ENTITIES)
