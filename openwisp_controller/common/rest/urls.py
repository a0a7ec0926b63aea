"""Addresses of REST interfaces in which packages replace views."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import path


def rest_urls(addresses: Iterable[tuple[str, str, Any]], replacing: Any) -> list[Any]:
    """Return the addresses of views.

    Args:
        addresses: address, name and class of each view.
        replacing: module in which a function named like an address, or a class named like a view, goes before it.
    """
    return [path(address, _view(name, view, replacing), name=name) for address, name, view in addresses]


def _view(name: str, view: Any, replacing: Any) -> Any:
    function = getattr(replacing, name, None)
    if callable(function) and not isinstance(function, type):
        return function
    return getattr(replacing, view.__name__, view).as_view()
