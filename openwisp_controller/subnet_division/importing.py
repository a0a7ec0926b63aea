"""Importing subnets and addresses from a file: all of it or nothing, and never an error that nobody understands."""

from __future__ import annotations

import csv
from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeVar
from zipfile import BadZipFile

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.utils.translation import gettext as _
from openwisp_ipam.models import Subnet
from rest_framework.exceptions import PermissionDenied

#: How the names of files end that can be imported.
KINDS = (".csv", ".xls", ".xlsx")
Answer = TypeVar("Answer", bound=HttpResponse)
#: What reading stumbles over: no text, no spreadsheet, rows or cells that are missing or of another type.
_UNREADABLE = (
    AttributeError, BadZipFile, LookupError, StopIteration, TypeError, ValueError, csv.Error,
)  # fmt: skip


class Unreadable(Exception):
    """The file cannot be imported; the text says why."""


class OrganizationChecked:
    """A view that imports into organizations that the user manages; shared subnets are for superusers."""

    def get_csv_organization(self, request: Any) -> Any:
        """Return the organization that the file names in its third line; None when it names none."""
        try:
            return super().get_csv_organization(request)  # type: ignore[misc]
        except IndexError:
            rows = list(Subnet._get_csv_reader(self, deepcopy(request.FILES["csvfile"])))
            if len(rows) > 2:
                return None
            raise

    def assert_organization_permissions(self, request: Any) -> None:
        super().assert_organization_permissions(request)  # type: ignore[misc]
        if not request.user.is_superuser and self.get_csv_organization(request) is None:
            raise PermissionDenied(_("Only superusers import shared subnets: name an organization in the third line."))


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
