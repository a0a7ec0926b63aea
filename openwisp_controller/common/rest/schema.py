"""How the REST interface describes itself (OpenAPI 3): summaries, examples and error answers of every operation."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from rest_framework import serializers
from rest_framework.generics import ListAPIView, ListCreateAPIView

from .views import Editing

#: Words for a method, with the place of the name of a model.
_MANY = {"GET": "List: {}", "POST": "Create: {}"}
_ONE = {"GET": "Show: {}", "PUT": "Replace: {}", "PATCH": "Edit: {}", "DELETE": "Delete: {}"}
_ERRORS = {
    "400": ("Something is wrong with the input: by field, or under `__all__` or `non_field_errors`.",
            {"name": ["This field is required."]}),
    "401": ("Nobody is logged in.", {"detail": "Authentication credentials were not provided."}),
    "403": ("The person may not do that.", {"detail": "You do not have permission to perform this action."}),
    "404": ("There is no such object, or not for this person.", {"detail": "Not found."}),
    "412": ("Somebody changed the object since it was read, see `If-Match`.",
            {"detail": "Somebody changed this object since you read it: name.", "changed": ["name"]}),
}  # fmt: skip
_UUID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
#: Values that examples show, by name of field.
_VALUES: dict[str, Any] = {
    "name": "ap-1", "mac_address": "02:00:00:AA:BB:CC", "last_ip": "192.0.2.10", "management_ip": "10.0.0.10",
    "backend": "netjsonconfig.OpenWrt", "context": {"ssid": "free-wifi"}, "meta_data": {}, "default_values": {},
    "config": {"general": {"hostname": "ap-1"}}, "key": "********", "host": "vpn.example.org", "type": "generic",
    "common_name": "ca.example.org", "params": {"username": "root", "password": "********"}, "tags": ["mesh"],
    "connector": "openwisp_controller.connection.connectors.ssh.Ssh", "templates": [_UUID], "devices": [_UUID],
    "update_strategy": "openwisp_controller.connection.connectors.openwrt.ssh.OpenWrt", "status": "modified",
    "input": {"command": "uptime"}, "organization_slug": "acme", "subnet": "10.0.0.0/24", "ip_address": "10.0.0.1",
    "username": "ann", "password": "correct horse", "email": "ann@example.org", "error_reason": "",
}  # fmt: skip


class BearerScheme(OpenApiAuthenticationExtension):
    """The token of a person, in the header ``Authorization: Bearer TOKEN``."""

    target_class = "openwisp_users.api.authentication.BearerAuthentication"
    match_subclasses = True
    name = "Bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "A token from `POST /api/v1/users/token/`."}


class OperationSchema(AutoSchema):
    """Describes an operation by its view."""

    def _get_serializer(self) -> Any:
        """Views of libraries name the empty base of serializers where there is nothing to describe."""
        found = super()._get_serializer()
        return None if type(found) is serializers.Serializer else found

    def get_tags(self) -> list[str]:
        parts = [part for part in self.path.split("/") if part and not part.startswith("{")]
        parts = [part for part in parts if part not in ("api", "v1", "controller")]
        return [parts[0] if parts else "other"]

    def get_summary(self) -> str | None:
        return _summary(self.view, self.method) or _summary_by_path(self.path, self.method)

    def get_operation(self, path: str, *args: Any) -> dict[str, Any] | None:
        self._prepare_view()
        operation: dict[str, Any] | None = super().get_operation(path, *args)
        if operation is None:
            return None
        for status in _errors_of(self.view, self.method, "{" in self.path):
            description, example = _ERRORS[status]
            content = {"application/json": {"schema": {"type": "object"}, "example": example}}
            operation["responses"].setdefault(status, {"description": description, "content": content})
        if "412" in operation["responses"]:
            operation.setdefault("parameters", []).append(_IF_MATCH)
        self._add_examples(operation)
        return operation

    def _prepare_view(self) -> None:
        """Give the view what some views of libraries take for granted, though there is no real request."""
        self.view.kwargs = defaultdict(lambda: None)
        if hasattr(self.view, "get_serializer_context"):
            context = self.view.get_serializer_context
            self.view.get_serializer_context = lambda: context() or {"request": self.view.request, "view": self.view}

    def _add_examples(self, operation: dict[str, Any]) -> None:
        request = self.get_request_serializer() if self.method in ("POST", "PUT", "PATCH") else None
        bodies = [(operation.get("requestBody"), request, True)]
        answer = self.get_response_serializers()
        for code in ("200", "201"):
            shown = answer.get(int(code)) if isinstance(answer, dict) else answer
            bodies.append((operation["responses"].get(code), shown, False))
        for body, described, is_request in bodies:
            serializer = force_instance(described)
            content = (body or {}).get("content", {}).get("application/json")
            if content is None or "examples" in content or not isinstance(serializer, serializers.BaseSerializer):
                continue
            value = example(serializer, is_request=is_request)
            if value is not None:
                is_list = not is_request and self._is_list_view(serializer)
                content["example"] = _page(value) if is_list else value


_IF_MATCH = {
    "name": "If-Match", "in": "header", "required": False, "schema": {"type": "string"},
    "description": "The `ETag` that came with the object: the request is refused when somebody changed it since.",
}  # fmt: skip


def example(field: Any, *, is_request: bool) -> Any:
    """Return a value as a field or serializer may have it.

    Args:
        field: of REST framework.
        is_request: leave out what is only read; else what is only written.
    """
    if isinstance(field, serializers.ListSerializer):
        return [example(field.child, is_request=is_request)]
    if isinstance(field, serializers.Serializer):
        return {
            name: example(inner, is_request=is_request)
            for name, inner in field.fields.items()
            if not (inner.read_only if is_request else inner.write_only)
        }
    if field.field_name in _VALUES and not isinstance(field, serializers.ChoiceField | serializers.RelatedField):
        return _VALUES[field.field_name]
    if isinstance(field, serializers.ChoiceField):
        return next(iter(field.choices), "")
    if isinstance(field, serializers.ManyRelatedField | serializers.ListField):
        return _VALUES.get(field.field_name, [])
    return next((value for kind, value in _BY_KIND if isinstance(field, kind)), "")


_BY_KIND: tuple[tuple[Any, Any], ...] = (
    (serializers.BooleanField, False), (serializers.IntegerField, 1), (serializers.FloatField, 1.0),
    (serializers.DateTimeField, "2026-11-23T01:25:54.394613+01:00"), (serializers.UUIDField, _UUID),
    (serializers.PrimaryKeyRelatedField, _UUID), (serializers.JSONField, {}), (serializers.DictField, {}),
    (serializers.URLField, "https://example.org"), (serializers.EmailField, "ann@example.org"),
)  # fmt: skip


def _page(value: Any) -> dict[str, Any]:
    results = value if isinstance(value, list) else [value]
    return {"count": len(results), "next": None, "previous": None, "results": results}


def _errors_of(view: Any, method: str, has_key: bool) -> list[str]:
    found = ["401", "403"]
    is_list = method == "GET" and getattr(view, "pagination_class", None) is not None
    has_filters = is_list and bool(getattr(view, "filter_backends", None))
    if has_filters or method in ("POST", "PUT", "PATCH"):
        found.insert(0, "400")
    if has_key or is_list:
        found.append("404")
        if isinstance(view, Editing) and method != "GET":
            found.append("412")
    return found


def _summary(view: Any, method: str) -> str:
    """Return what an operation does, in one line: by its model, or as it is documented."""
    handler = getattr(type(view), method.lower(), None)
    if handler is not None and handler.__doc__:
        return _first_line(handler.__doc__)
    queryset = getattr(view, "queryset", None)
    is_many = isinstance(view, ListAPIView | ListCreateAPIView)
    verbs = _MANY if is_many else _ONE if hasattr(view, "retrieve") or hasattr(view, "destroy") else {}
    if queryset is None or method not in verbs:
        return _first_line(type(view).__doc__ or "")
    meta = queryset.model._meta
    return verbs[method].format(_named(meta.verbose_name_plural if is_many and method == "GET" else meta.verbose_name))


def _summary_by_path(path: str, method: str) -> str:
    """Return what an operation does where only its address tells: the last words of that."""
    words = [part.replace("-", " ") for part in path.split("/") if part and not part.startswith("{")]
    verbs = {**_MANY, **_ONE} if "{" not in path.rstrip("/").rsplit("/", 1)[-1] else _ONE
    return verbs.get(method, "Send {}").format(": ".join(words[2:]))


def _first_line(text: str) -> str:
    return text.strip().split("\n")[0].rstrip(".")


def _named(name: Any) -> str:
    """Return the name of a model as it stands in a sentence: abbreviations stay."""
    words = str(name).split(" ")
    return " ".join(word if word.isupper() or word[1:] != word[1:].lower() else word.lower() for word in words)
