"""Importing subnets and addresses from a file: all of it or nothing, and never an error that nobody understands."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import TypeVar
from zipfile import BadZipFile

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.utils.translation import gettext as _

Answer = TypeVar("Answer", bound=HttpResponse)
#: What reading stumbles over: no text, no spreadsheet, rows or cells that are missing or of another type.
_UNREADABLE = (
    AttributeError, BadZipFile, LookupError, StopIteration, TypeError, ValueError, csv.Error,
)  # fmt: skip


class Unreadable(Exception):
    """The file cannot be imported; the text says why."""


def all_or_nothing(run: Callable[[], Answer], failed: Callable[[Answer], bool]) -> Answer:
    """Import with ``run`` and return its answer; nothing is kept of an import that failed.

    Args:
        run: imports and answers.
        failed: tells an answer that explains a failure.

    Raises:
        Unreadable: with the reason.
    """
    try:
        with transaction.atomic():
            answer = run()
            if failed(answer):
                transaction.set_rollback(True)
            return answer
    except ValidationError as error:
        raise Unreadable(" ".join(error.messages)) from error
    except _UNREADABLE as error:
        text = _(
            "The file cannot be read: it needs a line each for name, subnet, organization, an empty one and a heading,"
            " then one for each address and its description."
        )
        raise Unreadable(text) from error
