"""Every installed address, those of libraries included, with values that make no sense: never a 500."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import get_resolver

from .. import factories as make

pytestmark = [pytest.mark.django_db, pytest.mark.once]
KEYS = ["00000000-0000-4000-8000-000000000000", "11", "x", "99999999999999999999"]
BODIES: list[tuple[str, str]] = [
    ("application/json", "{}"), ("application/json", "[]"), ("application/json", "null"), ("application/json", '"x"'),
    ("application/json", '{"id": {}, "name": [], "type": 5, "organization": "x", "description": null}'),
    ("application/x-www-form-urlencoded", "id=x&name=&organization=x&ids=x&_selected_action=x&action=x"),
]  # fmt: skip


def addresses() -> list[str]:
    """Every address that can be made of the installed patterns with some key in the place of each argument."""
    found = set()
    for template, names in _templates(get_resolver()):
        for key in KEYS if names else [""]:
            found.add("/" + template % dict.fromkeys(names, key))
    return sorted(found)


def _templates(resolver: Any, prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the addresses below a resolver as format strings, with the names of what is put in."""
    for name in list(resolver.reverse_dict):
        for possibilities, *_rest in resolver.reverse_dict.getlist(name):
            yield from ((prefix + template, names) for template, names in possibilities)
    for path, nested in resolver.namespace_dict.values():
        yield from _templates(nested, prefix + path)


@pytest.fixture
def visitor(root: Client, organization: Any) -> Client:
    make.config(organization)
    root.raise_request_exception = False
    return root


def test_there_are_many() -> None:
    assert len(addresses()) > 500


@pytest.mark.parametrize("part", range(4))
def test_every_address(visitor: Client, part: int) -> None:
    failed, bodies = [], itertools.cycle(BODIES)
    for address in addresses()[part::4]:
        if "logout" in address:
            continue
        answers = [("GET", "", visitor.get(address))]
        for method in ("POST", "PUT") if "/api/" in address else ("POST",):
            kind, body = next(bodies)
            answers.append((method, body, visitor.generic(method, address, body, content_type=kind)))
        failed += [f"{method} {address} {body}: {a.status_code}" for method, body, a in answers if a.status_code >= 500]
    assert not failed


def test_ways_to_objects(visitor: Client) -> None:
    """The redirects of the administration to the public page of an object, whatever its kind and key."""
    for kind in [*ContentType.objects.values_list("pk", flat=True), 0, 10**12]:
        for key in (uuid.uuid4(), "x"):
            assert visitor.get(f"/admin/r/{kind}/{key}/").status_code < 500, (kind, key)
