"""What views of all apps have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import reversion
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from openwisp_users.api.mixins import FilterByOrganizationManaged, ProtectedAPIMixin
from openwisp_users.api.permissions import IsOrganizationManager
from openwisp_utils.api.pagination import OpenWispPagination
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from .. import first_versions
from ..json_input import PARSERS
from . import etags
from .authentication import AUTHENTICATION
from .permissions import ModelPermissions
from .versions import version


@contextmanager
def deletion_logged(user: Any, instance: Any) -> Iterator[None]:
    """Write into the log of the administration who deletes an object; goes into a transaction of the caller."""
    entry = LogEntry(
        user=user,
        content_type=ContentType.objects.get_for_model(instance),
        object_id=str(instance.pk),
        object_repr=str(instance)[:200],
        action_flag=DELETION,
    )
    yield
    entry.save()


class Protected(ProtectedAPIMixin):
    """Who may use a view, and what it reads."""

    authentication_classes: Any = AUTHENTICATION
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


class Writing(generics.GenericAPIView):
    """Checks and stores in one transaction, and keeps a version of what is stored."""

    together: Any = staticmethod(transaction.atomic)
    """Opens the transaction, or joins it."""
    calls_elsewhere = False
    """Whether checking or storing calls another server: no transaction is open while it does."""

    def around_storing(self, serializer: Any) -> AbstractContextManager[None]:
        """Return what surrounds the storing of a checked object, such as a call to another server."""
        return nullcontext()

    def check_and_store(self, prepare: Callable[[], Any], store: Callable[[Any], None]) -> Any:
        """Return the serializer that ``prepare`` makes, checked and stored.

        Args:
            prepare: makes it, with what was sent.
            store: stores a checked one.
        """
        serializer = None
        try:
            with nullcontext() if self.calls_elsewhere else self.together():
                serializer = prepare()
                serializer.is_valid(raise_exception=True)
                with self.around_storing(serializer), self.together() if self.calls_elsewhere else nullcontext():
                    store(serializer)
        except IntegrityError:
            if serializer is not None:
                serializer.recheck()
            raise
        return serializer


class Creating(Writing, generics.ListCreateAPIView):
    """Lists, newest first, and creates; what is created enters the version history."""

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.check_and_store(lambda: self.get_serializer(data=request.data), self.perform_create)
        return Response(self.shown_after_creation(serializer), status=201)

    def perform_create(self, serializer: Any) -> None:
        with version(self.request):
            serializer.save()

    def shown_after_creation(self, serializer: Any) -> Any:
        """Return what is answered about what was created."""
        return serializer.data


class Editing(Writing, generics.RetrieveUpdateDestroyAPIView):
    """Shows, edits and deletes one object.

    Answers carry an ``ETag``; a write with ``If-Match`` is refused with 412 when somebody changed the object since.
    """

    keeps_first = True
    """Whether the version history begins with what there was before the first edit."""

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(self.get_object())
        return self._tagged(serializer, serializer.data)

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        partial = kwargs.get("partial", False)
        serializer = self.check_and_store(
            lambda: self.get_serializer(self._expected_object(request), data=request.data, partial=partial),
            self._update,
        )
        serializer.instance = self.after_update(serializer)
        return self._tagged(serializer, serializer.data)

    def _update(self, serializer: Any) -> None:
        if self.calls_elsewhere:
            self._expected_object(self.request)  # somebody may have changed it while that call took place
        self.perform_update(serializer)

    def after_update(self, serializer: Any) -> Any:
        """Return the instance that the answer to a write shows."""
        return serializer.instance

    def perform_update(self, serializer: Any) -> None:
        before = serializer.instance
        if self.keeps_first and before is not None and reversion.is_registered(type(before)):
            first_versions.keep(before)
        with version(self.request):
            serializer.save()
            if reversion.is_registered(type(serializer.instance)):
                reversion.add_to_revision(serializer.instance)  # what belongs to it may be all that was stored

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with self.together():
            instance = self._expected_object(request)
            with deletion_logged(request.user, instance):
                self.perform_destroy(instance)
        return Response(status=204)

    def _expected_object(self, request: Request) -> Any:
        """Return the object; where the request says what it shall be, it is locked if it can be, and compared."""
        instance = self.get_object()
        given = request.headers.get("If-Match")
        if given is None:
            return instance
        if connection.in_atomic_block:
            rows = self.get_queryset().model._base_manager.filter(pk=instance.pk).select_for_update(no_key=True)
            list(rows.values_list("pk"))
            instance = self.get_object()
        serializer = self.get_serializer(instance)
        etags.check(given, _writable(serializer, serializer.data))
        return instance

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
