"""Who may do what, at every address of the REST interfaces; nothing of other organizations is told or touched."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Model
from django.test import Client
from openwisp_users.models import Organization, User
from rest_framework import serializers

from openwisp_controller.common.tenancy import owner_of

from .. import factories as make
from .addresses import Address, Tenant, addresses, tenant
from .client import NOT_THERE

pytestmark = [pytest.mark.django_db, pytest.mark.once]
MARK = "known-to-others-alone"
#: Everybody, everybody who is logged in, or whoever has the key of the device, may use these.
OPEN = {
    "user_auth_token", "user_password_reset", "user_password_reset_confirm", "user_password_change", "schema-json",
    "schema-yaml", "schema-swagger-ui", "schema-redoc", "device_coordinates",
}  # fmt: skip
#: Each person has their own there; what belongs to others is not found, or nobody's business.
OWN = ("notification", "ignore_object", "user_org_notification", "user_notification", "preview_progress")
#: POST does something there, without a body.
ACTIONS = (
    "activate", "deactivate", "renew", "revoke", "hold", "release", "roll-back", "cancel", "request-ip", "export",
)  # fmt: skip
#: Permissions are all that is asked there: who manages nothing sees nothing.
PEOPLE = ("organization_list", "organization_detail", "user_", "group_", "email_", "change_password")


@pytest.fixture
def theirs(committing: Any) -> Tenant:
    """The organization that is looked at; nothing waits for the background."""
    with committing():
        return tenant(MARK, "10.1")


def somebody(name: str, of: Organization | None, *, manages: bool = True, may: bool = True) -> Client:
    client = make.person(name, of, manages=manages)
    if may:
        User.objects.get(username=name).user_permissions.set(Permission.objects.all())
    client.raise_request_exception = False
    return client


def _nothing(found: list[Any]) -> None:
    assert not found, "\n".join(map(str, found))


def is_one_of(address: Address, names: Any) -> bool:
    return any(address.name.startswith(name) for name in names)


def send(client: Client, method: str, path: str, body: Any = None) -> Any:
    if method in ("GET", "HEAD"):
        return getattr(client, method.lower())(path)
    return client.generic(method, path, json.dumps(body or {}), content_type="application/json")


class TestEveryAddress:
    @pytest.fixture
    def people(self, theirs: Tenant, root: Client) -> dict[str, Client]:
        owner = theirs.organization
        root.raise_request_exception = False
        return {
            "superuser": root, "manager": somebody("manager", owner),
            "stranger": somebody("stranger", make.organization("elsewhere")),
            "nobody": somebody("nobody", owner, may=False), "member": somebody("member", owner, manages=False),
            "anonymous": Client(),
        }  # fmt: skip

    def expected(self, address: Address, method: str, person: str) -> set[int]:
        """Return the status that an answer may have."""
        fine = {200, 302} if method in ("GET", "HEAD") else {200, 201, 204, 400, 404}
        if address.name == "batch_command_execute":
            fine = {200, 400}
        if person in ("superuser", "manager"):
            return fine
        if person == "anonymous":
            return {401}
        if person == "nobody":
            return {403}
        if is_one_of(address, PEOPLE):
            return {404} if address.has_key and address.name != "group_detail" else fine
        if person == "member":
            return {403}
        if address.name in ("subnet", "ip_address", "devicegroup_x509_commonname"):
            return {403}
        return {404} if address.has_key else fine

    @pytest.mark.parametrize("first", ["GET", "POST"])
    def test_codes(self, theirs: Tenant, people: dict[str, Client], first: str) -> None:
        """Those who may write nothing are tried with everything, the others with reading."""
        group = theirs.keys["group_of_people"].pk
        failed = []
        walked = [each for each in addresses() if each.name not in OPEN and not is_one_of(each, OWN)]
        assert len(walked) > 60
        for address in walked:
            keys = {**theirs.keys, **({"group": group} if address.name == "group_detail" else {})}
            path = address.path(keys)
            for method in address.methods() if first == "POST" else {"GET", "HEAD"} & set(address.methods()):
                for person, client in people.items():
                    if first == "POST" and person in ("superuser", "manager", "stranger"):
                        continue
                    if first == "POST" and person == "member" and is_one_of(address, PEOPLE):
                        continue
                    answer = send(client, method, path)
                    if answer.status_code not in self.expected(address, method, person):
                        failed.append((method, path, person, answer.status_code, answer.content[:80]))
        _nothing(failed)

    def test_reading_heads_is_reading(self, theirs: Tenant) -> None:
        """Whoever may change something may see it; HEAD answers as GET does."""
        client = somebody("changer", theirs.organization, may=False)
        User.objects.get(username="changer").user_permissions.set(
            Permission.objects.filter(codename__startswith="change_")
        )
        failed = []
        for address in addresses():
            if "GET" not in address.methods() or address.name == "group_detail" or is_one_of(address, OWN):
                continue
            path = address.path(theirs.keys)
            got, head = send(client, "GET", path), send(client, "HEAD", path)
            if got.status_code != head.status_code or head.content:
                failed.append((path, got.status_code, head.status_code))
        _nothing(failed)

    def test_keys_that_are_none(self, root: Client) -> None:
        """There is nothing at such an address, which is said in JSON."""
        for address in addresses():
            if "<uuid:" not in address.route and "<int:" not in address.route:
                continue
            answer = root.get(address.path(_Nonsense()))
            assert (answer.status_code, answer.json()) == (404, NOT_THERE), address
            assert answer["Content-Type"] == "application/json"

    def test_own_things(self, theirs: Tenant, people: dict[str, Client]) -> None:
        """Notifications and their settings are for the person whom they concern."""
        failed = []
        for address in addresses():
            if not is_one_of(address, OWN) or address.name in OPEN:
                continue
            for method in address.methods():
                path = address.path(theirs.keys)
                anonymous = send(people["anonymous"], method, path)
                if anonymous.status_code not in (401, 302):
                    failed.append((method, path, "anonymous", anonymous.status_code))
                answer = send(people["stranger"], method, path)
                if address.has_key and "ignore" not in path and answer.status_code not in (403, 404):
                    failed.append((method, path, "stranger", answer.status_code))
        _nothing(failed)


class _Nonsense(dict[str, Any]):
    """Has a key for everything, which is none."""

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> str:
        return "nonsense"


def rows(organization: Organization) -> dict[str, Any]:
    """Return every row that belongs to an organization, and those of its people."""
    found: dict[str, Any] = {}
    for model in apps.get_models():
        path = owner_of(model)
        if path is not None:
            owned: Any = model._default_manager.filter(**{path: organization}).order_by("pk")
            found[model._meta.label] = list(owned.values())
    people = User.objects.filter(openwisp_users_organizationuser__organization=organization)
    found["people"] = list(people.order_by("pk").values())
    found["itself"] = list(Organization.objects.filter(pk=organization.pk).values())
    return found


def links(organization: Organization) -> list[str]:
    """Return by which relations objects of other organizations lead to those of this one."""
    found = []
    for model in apps.get_models():
        owner = owner_of(model)
        if owner is None:
            continue
        others: Any = model._default_manager.exclude(**{owner: organization})
        for field in (*model._meta.fields, *model._meta.many_to_many):
            target = field.related_model
            path = owner_of(target) if isinstance(target, type) else None
            if path is None or field.name in ("organization", owner.split("__")[0]):
                continue
            if others.filter(**{f"{field.name}__{path}": organization}).exists():
                found.append(f"{model.__name__}.{field.name}")
    return found


class TestOracle:
    """Whatever an administrator of another organization asks or sends: they learn nothing and change nothing."""

    @pytest.fixture
    def own(self) -> Tenant:
        return tenant("ours", "10.2")

    @pytest.fixture
    def client(self, own: Tenant) -> Client:
        return somebody("administrator-of-ours", own.organization)

    @pytest.fixture(autouse=True)
    def _nothing_changes(self, theirs: Tenant) -> Iterator[None]:
        before = rows(theirs.organization)
        assert MARK in str(before["config.Template"])
        assert len(str(before)) > 5000
        yield
        after = rows(theirs.organization)
        assert {name for name in before if before[name] != after[name]} == set()
        assert links(theirs.organization) == []

    def test_reads(self, theirs: Tenant, client: Client, root: Client) -> None:
        told, shown = [], 0
        for address in addresses():
            path = address.path(theirs.keys)
            for query in ({}, {"format": "api"}):
                content = client.get(path, query).content.decode().replace(path, "")
                told += [f"{path} {query}"] if MARK in content or "10.1.0." in content else []
            answer = client.generic("OPTIONS", path)
            told += [f"OPTIONS {path}"] if MARK in answer.content.decode() else []
            shown += MARK in root.get(path).content.decode(errors="replace")
        _nothing(told)
        assert shown > 30, "superusers are told, so the marks are where they are looked for"

    def test_filters(self, theirs: Tenant, client: Client) -> None:
        told, tried = [], 0
        values = [MARK, *(str(each.pk) for each in theirs.objects)]
        for address in addresses():
            names = list(getattr(getattr(address.view, "filterset_class", None), "base_filters", ()))
            if address.has_key or not (names or hasattr(address.view, "search_fields")):
                continue
            path = address.path({})
            for name in (*names, "search", "ordering"):
                for value in values:
                    answer = client.get(path, {name: value})
                    tried += 1
                    content = answer.content.decode().replace(f"{name}={value}", "")
                    refusal = "not one of the available choices" in content or answer.status_code == 400
                    if (MARK in content and not refusal) or answer.status_code not in (200, 400):
                        told.append((path, name, value, answer.status_code))
        _nothing(told)
        assert tried > 500

    def test_writes_to_their_objects(self, theirs: Tenant, client: Client, committing: Any) -> None:
        wrote = []
        for address in addresses():
            if not address.has_key or address.name in OPEN:
                continue
            if "GROUP" in address.name.upper() and "users" in address.route:
                continue
            path = address.path(theirs.keys)
            for method in {"POST", "PUT", "PATCH", "DELETE"} & set(address.methods()):
                for body in ({}, {"name": "taken-over", "notes": "taken over", "web": False, "email": False}):
                    with committing():
                        answer = send(client, method, path, body)
                    allowed = is_one_of(address, ("ignore_object",))
                    if MARK in answer.content.decode() or not (answer.status_code >= 400 or allowed):
                        wrote.append((method, path, answer.status_code, answer.content[:100]))
        _nothing(wrote)

    def attempt(self, client: Client, method: str, path: str, body: Any, theirs: Tenant) -> tuple[Any, list[str]]:
        """Send something, look to what it leads, and take it back."""
        with transaction.atomic():
            answer = send(client, method, path, body)
            leading = links(theirs.organization) if answer.status_code < 400 else []
            transaction.set_rollback(True)
        return answer, leading

    def test_their_objects_in_relations(self, theirs: Tenant, own: Tenant, client: Client) -> None:
        """Every relation, in creation and update, with the keys of their objects: as if these were unknown ones."""
        told, tried = [], 0
        for address in addresses():
            methods = {"POST", "PUT", "PATCH"} & set(address.methods())
            if address.route.rstrip("/").rsplit("/", 1)[-1] in ACTIONS:
                continue
            if address.name in OPEN or is_one_of(address, ("ignore_object",)) or not methods:
                continue
            path = address.path(own.keys)
            for method in methods:
                if send(client, method, path, _body(client, path, method, own)).status_code in (404, 405):
                    continue  # nothing that could be done now, with or without keys
                serializer = _serializer(address, client, own, method)
                for place, target in _relations(serializer) if serializer else ():
                    for each in theirs.objects:
                        if target is not None and not isinstance(each, target):
                            continue
                        key = each.pk if isinstance(each.pk, int) else str(each.pk)
                        unknown = 10**9 if isinstance(key, int) else str(uuid.uuid4())
                        body = _body(client, path, method, own)
                        answers = []
                        for one in (key, unknown):
                            _put(body, place, one)
                            answer, leading = self.attempt(client, method, path, body, theirs)
                            content = answer.content.decode()
                            said = content.replace(f'\\"{one}\\"', "KEY") if answer.status_code >= 400 else ""
                            answers.append((answer.status_code, said))
                            if MARK in content or answer.status_code >= 500 or leading:
                                told.append((method, path, place, answer.status_code, content[:100], leading))
                        tried += 1
                        if answers[0] != answers[1]:
                            told.append((method, path, place, each._meta.label, *answers))
        _nothing(told)
        assert tried > 40


def _serializer(address: Address, client: Client, own: Tenant, method: str) -> Any:
    """Return the serializer of a view as it would be for a request, or None."""
    described = client.generic("OPTIONS", address.path(own.keys)).json()
    fields = described.get("actions", {}).get("PUT" if method == "PATCH" else method)
    cls = getattr(address.view, "serializer_class", None)
    if cls is not None:
        return cls
    return fields


def _relations(serializer: Any) -> Iterator[tuple[tuple[str, ...], type[Model] | None]]:
    """Yield where relations stand in what is sent, and to what they lead."""
    if isinstance(serializer, dict):
        yield from (((name,), None) for name, field in serializer.items() if field["type"] in ("field", "list"))
        return
    fields = serializer.fields if not isinstance(serializer, type) else _declared(serializer)
    for name, field in fields.items():
        if field.read_only:
            continue
        relation = getattr(field, "child_relation", field)
        if isinstance(relation, serializers.RelatedField):
            objects = getattr(relation, "queryset", None)
            yield (name, "[]") if relation is not field else (name,), getattr(objects, "model", None)
        elif isinstance(field, serializers.ListField) and isinstance(field.child, serializers.UUIDField):
            yield (name, "[]"), None
        elif isinstance(field, serializers.Serializer):
            yield from (((name, *inner), target) for inner, target in _relations(field))


def _declared(serializer: Any) -> dict[str, Any]:
    try:
        return dict(serializer().fields)
    except (AssertionError, KeyError, AttributeError):
        return dict(getattr(serializer, "_declared_fields", {}))


def _body(client: Client, path: str, method: str, own: Tenant) -> dict[str, Any]:
    """Return something that could be sent there: what is there already, or what is needed for something new."""
    if method != "POST":
        present = client.get(path)
        return dict(present.json()) if present.status_code == 200 else {}
    body: dict[str, Any] = {
        "name": "new-one", "organization": str(own.organization.pk), "mac_address": "02:00:00:00:00:99",
        "backend": make.BACKEND, "config": {"interfaces": []}, "host": "new.example.org", "templates": [],
        "key_length": "256", "common_name": "new.example", "connector": make.SSH, "type": "generic",
        "params": {"username": "root", "password": "secret"}, "subnet": "10.200.0.0/24", "ip_address": "10.2.0.77",
        "devices": [str(own.keys["device"])], "action": "group", "label": "new", "input": None,
    }  # fmt: skip
    if "/vpn/" in path:
        backend = "openwisp_controller.vpn_backends.OpenVpn"
        body |= {"backend": backend, "config": make.OPENVPN, "subnet": None, "ca": own.keys["ca"]}
    if "/cert/" in path:
        body["ca"] = own.keys["ca"]
    if "command" in path:
        body["type"] = "reboot"
    if path.endswith("/device/"):
        body["config"] = {"backend": make.BACKEND, "templates": [], "context": {"a": "b"}, "config": {}}
    return body


def _put(body: dict[str, Any], place: tuple[str, ...], key: Any) -> None:
    """Put a key where a relation stands."""
    *outer, last = place
    value = [key] if last == "[]" else key
    if last == "[]":
        *outer, last = outer
    for name in outer:
        inner = body.get(name)
        body[name] = dict(inner) if isinstance(inner, dict) else {}
        body = body[name]
    body[last] = value
