"""Whatever the description of the REST interface allows to send is answered as it says, never with a 500.

What is sent is made up anew each time, so this has a target of its own: ``make contract``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from openwisp_users.models import User
from rest_framework.authtoken.models import Token
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ..http.conftest import same_connection
from .addresses import Tenant, tenant
from .test_tenants import somebody

EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "0"))
pytestmark = [
    pytest.mark.django_db, pytest.mark.once,
    pytest.mark.skipif(not EXAMPLES, reason="sends something else each time: make contract"),
]  # fmt: skip
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
PARTS = 4


@pytest.fixture(scope="module")
def schema() -> Any:
    from docs.generate import rest_schema

    return schemathesis.openapi.from_dict(rest_schema())


@pytest.fixture
def tenants() -> list[Tenant]:
    return [tenant("one", "10.1"), tenant("two", "10.2")]


@pytest.fixture
def tokens(tenants: list[Tenant]) -> list[str]:
    """Of an administrator of each tenant."""
    found = []
    for number, each in enumerate(tenants):
        somebody(f"administrator-{number}", each.organization)
        found.append(Token.objects.create(user=User.objects.get(username=f"administrator-{number}")).key)
    return found


def operations(schema: Any) -> Iterator[Any]:
    for each in schema.get_all_operations():
        operation = each.ok()
        if operation.path.startswith(("/api/v1/controller/", "/api/v1/ipam/")):
            yield operation


@pytest.mark.parametrize("part", range(PARTS))
def test_every_operation(schema: Any, tenants: list[Tenant], tokens: list[str], part: int) -> None:
    application = get_wsgi_application()
    broken: dict[str, str] = {}
    for operation in list(operations(schema))[part::PARTS]:

        @settings(max_examples=EXAMPLES, database=None, deadline=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(case=operation.as_strategy())
        def attempt(case: Any) -> None:
            for number, (token, of) in enumerate(zip(tokens, tenants, strict=True)):
                if number == 0:
                    _aim(case, of)
                with transaction.atomic(), same_connection():
                    response = case.call(app=application, headers={"Authorization": f"Bearer {token}"})
                    transaction.set_rollback(True)
                case.validate_response(response, checks=CHECKS)

        try:
            attempt()
        except (FailureGroup, Exception) as error:
            broken[operation.label] = str(error)[:600]
    assert not broken, "\n\n".join(f"{label}: {text}" for label, text in broken.items())


def _aim(case: Any, at: Tenant) -> None:
    """Put keys that exist in the place of those that were made up."""
    parts = case.path.split("/")
    for before, part in pairwise(parts):
        if part.startswith("{"):
            name = part.strip("{}")
            case.path_parameters[name] = at.keys.get({"revision_id": "revision"}.get(name, name), at.keys.get(before))
