"""What all addresses of the REST interface have in common: formats, refusals, missing slashes."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from openwisp_users.models import Organization
from rest_framework.authtoken.models import Token

from openwisp_controller.config.models import Template

from .. import factories as make
from .client import BASE, NOT_THERE

pytestmark = pytest.mark.django_db
LIST = f"{BASE}/template/"
BODY = '{"name": "t1", "backend": "netjsonconfig.OpenWrt", "config": {"interfaces": []}}'


class TestMissingSlash:
    @pytest.mark.parametrize("debug", [False, True])
    def test_writes_are_refused(self, root: Client, settings: Any, debug: bool) -> None:
        settings.DEBUG = debug
        template = make.template()
        for method, path in (
            ("POST", LIST), ("PUT", f"{LIST}{template.pk}/"), ("PATCH", f"{LIST}{template.pk}/"),
            ("DELETE", f"{LIST}{template.pk}/"), ("POST", "/api/v1/users/token/"), ("POST", "/api/v1/ipam/subnet/"),
        ):  # fmt: skip
            answer = root.generic(method, path.rstrip("/"), BODY, content_type="application/json")
            assert (answer.status_code, answer.json()) == (404, NOT_THERE), path
        answer = root.get(f"{LIST}nonsense/")
        assert (answer.status_code, answer.json()) == (404, NOT_THERE)
        assert Template.objects.get() == template
        assert Template.objects.get().name == template.name

    def test_reads_are_led_on(self, root: Client) -> None:
        answer = root.get(LIST.rstrip("/"), {"page": 1})
        assert (answer.status_code, answer["Location"]) == (301, f"{LIST}?page=1")

    def test_pages_for_people(self, root: Client) -> None:
        assert root.post("/admin/login", {}).status_code == 301


class TestTalking:
    def test_formats(self, root: Client) -> None:
        def post(body: str, kind: str = "application/json") -> Any:
            return root.post(LIST, body, content_type=kind)

        answer = post(BODY, "text/plain")
        text = 'Unsupported media type "text/plain" in request.'
        assert (answer.status_code, answer.json()) == (415, {"detail": text})
        answer = post("{")
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith("JSON parse error - ")
        assert root.post(LIST, {"name": "t1", "backend": make.BACKEND, "config": "{}"}).status_code == 400
        answer = root.get(LIST, {"format": "zzz"})
        assert (answer.status_code, answer.json()) == (404, NOT_THERE)
        assert root.get(LIST, {"format": "api"})["Content-Type"].startswith("text/html")
        assert root.get(LIST, headers={"Accept": "text/html"})["Content-Type"].startswith("text/html")
        assert root.get(LIST, headers={"Accept": "*/*"})["Content-Type"] == "application/json"

    def test_methods(self, root: Client) -> None:
        answer = root.delete(LIST)
        assert (answer.status_code, answer.json()) == (405, {"detail": 'Method "DELETE" not allowed.'})
        answer = root.options(LIST).json()
        assert {"name", "description", "renders", "parses", "actions"} <= set(answer)
        assert answer["actions"]["POST"]["name"]["max_length"] == 64
        head = root.head(LIST)
        assert (head.status_code, head.content) == (200, b"")

    def test_moments(self, root: Client) -> None:
        template = make.template()
        shown = root.get(f"{LIST}{template.pk}/").json()["created"]
        assert len(shown) == len("2026-11-23T01:25:54.394613+01:00") or shown.endswith("Z")


class TestWhoAsks:
    def test_credentials(self, organization: Organization) -> None:
        client = make.person("ann", organization, "Administrator")
        user_id = client.session["_auth_user_id"]
        token = Token.objects.create(user_id=user_id)
        for header, detail in (
            (None, "Authentication credentials were not provided."),
            (f"Token {token.key}", "Authentication credentials were not provided."),
            ("Bearer zzz", "Invalid token."),
            ("Bearer", "Invalid token header. No credentials provided."),
        ):
            answer = Client().get(LIST, headers={"Authorization": header} if header else {})
            assert (answer.status_code, answer.json()) == (401, {"detail": detail})
            assert answer["WWW-Authenticate"] == "Bearer"
        given = {"Authorization": f"Bearer {token.key}"}
        assert Client().get(LIST, headers=given).status_code == 200
        token.user.is_active = False
        token.user.save()
        answer = Client().get(LIST, headers=given)
        assert (answer.status_code, answer.json()) == (401, {"detail": "User inactive or deleted."})

    def test_sessions_need_a_token_against_forgery(self, root: Client) -> None:
        client = Client(enforce_csrf_checks=True)
        client.cookies = root.cookies
        answer = client.post(LIST, BODY, content_type="application/json")
        assert (answer.status_code, answer.json()) == (403, {"detail": "CSRF Failed: CSRF cookie not set."})

    def test_pages_of_lists(self, root: Client) -> None:
        for _ in range(3):
            make.template()
        for query, status, count in (
            ({"page_size": "2", "page": "2"}, 200, 1), ({"page_size": "2", "page": "last"}, 200, 1),
            ({"page_size": "0"}, 200, 3), ({"page_size": "-1"}, 200, 3), ({"page_size": "1000"}, 200, 3),
            ({"page": "9"}, 404, 0), ({"page": "x"}, 404, 0),
        ):  # fmt: skip
            answer = root.get(LIST, query)
            assert answer.status_code == status, query
            assert len(answer.json().get("results", [])) == count, query
            assert status == 200 or answer.json() == {"detail": "Invalid page."}
