"""Who is behind a change: kept with the revisions that it leads to."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, HttpResponse


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where the code that runs came from."""

    person: uuid.UUID | None = None
    """On whose behalf it was said to act; goes before the request."""
    request: HttpRequest | None = None
    """Its user is asked late: the session is read only when somebody wants to know."""


_NOWHERE = _Origin()
_origin: ContextVar[_Origin] = ContextVar("origin", default=_NOWHERE)


def author_id() -> uuid.UUID | None:
    """Return the key of the person on whose behalf the code runs; None = nobody is known, such as for devices."""
    origin = _origin.get()
    if origin.person is not None:
        return origin.person
    user = getattr(origin.request, "user", None)
    return user.pk if user is not None and user.is_authenticated else None


@contextmanager
def acting_as(person: uuid.UUID | str | None) -> Iterator[None]:
    """Attribute what happens inside to a person, given by key; None changes nothing."""
    with _coming_from(person=uuid.UUID(str(person))) if person is not None else nullcontext():
        yield


@contextmanager
def _coming_from(**changes: Any) -> Iterator[None]:
    token = _origin.set(replace(_origin.get(), **changes))
    try:
        yield
    finally:
        _origin.reset(token)


class AuthorMiddleware:
    """Attributes what happens during a request to the person who makes it; goes below authentication."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with _coming_from(request=request):
            return self.get_response(request)
