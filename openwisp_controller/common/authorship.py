"""Who is behind a change: kept with the revisions that it leads to."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

_request: ContextVar[HttpRequest | None] = ContextVar("authorship_request", default=None)
_author: ContextVar[uuid.UUID | None] = ContextVar("authorship_author", default=None)


def author_id() -> uuid.UUID | None:
    """Return the key of the person on whose behalf the code runs; None = nobody is known, such as for devices."""
    explicit = _author.get()
    if explicit is not None:
        return explicit
    user = getattr(_request.get(), "user", None)
    return user.pk if user is not None and user.is_authenticated else None


@contextmanager
def acting_as(person: uuid.UUID | str | None) -> Iterator[None]:
    """Attribute what happens inside to a person, given by key; None changes nothing."""
    token = _author.set(uuid.UUID(str(person)) if person is not None else _author.get())
    try:
        yield
    finally:
        _author.reset(token)


class AuthorMiddleware:
    """Attributes what happens during a request to the person who makes it; goes below authentication."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(token)
