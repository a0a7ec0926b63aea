"""What views of all apps have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import reversion
from django.db import transaction
from django.db.models import QuerySet
from openwisp_users.api.mixins import FilterByOrganizationManaged, ProtectedAPIMixin
from openwisp_users.api.permissions import IsOrganizationManager
from openwisp_utils.api.pagination import OpenWispPagination
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from ..json_input import PARSERS
from . import etags
from .permissions import ModelPermissions


@contextmanager
def version(request: Request) -> Iterator[None]:
    """Keep a version of what is saved inside, with the person who does it; nothing is saved when that fails."""
    with reversion.create_revision():
        reversion.set_user(request.user)
        yield


class Protected(ProtectedAPIMixin):
    """Who may use a view, and what it reads."""

    permission_classes: Any = (IsOrganizationManager, ModelPermissions)
    parser_classes = PARSERS
    pagination_class = OpenWispPagination


class OfOrganizations(Protected, FilterByOrganizationManaged, generics.GenericAPIView):
    """Objects of the organizations that a person manages, and shared ones where there are any."""

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        rows: QuerySet[Any] = super().get_queryset()
        return rows


class Storing:
    """What views that store something have in common."""

    def around_storing(self, serializer: Any) -> AbstractContextManager[None]:
        """Return what surrounds the transaction in which a checked object is stored, such as a call to elsewhere."""
        return nullcontext()


class Creating(Storing, generics.ListCreateAPIView):
    """Lists, newest first, and creates; what is created enters the version history."""

    def perform_create(self, serializer: Any) -> None:
        with self.around_storing(serializer), version(self.request):
            serializer.save()


class Editing(Storing, generics.RetrieveUpdateDestroyAPIView):
    """Shows, edits and deletes one object.

    Answers carry an ``ETag``; a write with ``If-Match`` is refused with 412 when somebody changed the object since.
    """

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(self.get_object())
        return self._tagged(serializer, serializer.data)

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        instance = self.get_object()
        self._check_unchanged(request, instance)
        serializer = self.get_serializer(instance, data=request.data, partial=kwargs.get("partial", False))
        serializer.is_valid(raise_exception=True)
        with self.around_storing(serializer), transaction.atomic():
            self._lock_unchanged(request, instance.pk)
            self.perform_update(serializer)
        shown = self.get_serializer(self.after_update(serializer.instance))
        return self._tagged(shown, shown.data)

    def after_update(self, instance: Any) -> Any:
        """Return the instance that the answer to a write shows."""
        return instance

    def perform_update(self, serializer: Any) -> None:
        with version(self.request):
            serializer.save()

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with transaction.atomic():
            instance = self.get_object()
            self._lock_unchanged(request, instance.pk)
            self.perform_destroy(instance)
        return Response(status=204)

    def _check_unchanged(self, request: Request, instance: Any) -> None:
        """Raise ``Changed`` where the request says what the object shall be and it is not."""
        given = request.headers.get("If-Match")
        if given is not None:
            serializer = self.get_serializer(instance)
            etags.check(given, _writable(serializer, serializer.data))

    def _lock_unchanged(self, request: Request, key: Any) -> None:
        """Where the request says what the object shall be, let nobody change it until the transaction ends."""
        if "If-Match" not in request.headers:
            return
        list(self.get_queryset().model._base_manager.filter(pk=key).select_for_update(no_key=True).values_list("pk"))
        self._check_unchanged(request, self.get_object())

    def _tagged(self, serializer: Any, data: Any) -> Response:
        return Response(data, headers={"ETag": etags.tag(_writable(serializer, data))})


def _writable(serializer: Any, data: Any) -> dict[str, Any]:
    """Return the values of an object that people may write, those of nested objects by their path."""
    values: dict[str, Any] = {}
    for name, field in serializer.fields.items():
        if field.read_only or field.write_only:
            continue
        nested = getattr(field, "fields", None)
        if nested is None:
            values[name] = data[name]
            continue
        for key, inner in nested.items():
            if not inner.read_only:
                values[f"{name}.{key}"] = data[name][key] if data[name] is not None else None
    return values
