"""Importing files of devices: check, show, confirm, then store all of it or nothing.

Few rows are done while somebody waits, many by a worker. What stands in the database (``DeviceImport``) says what is
to be done: a lost message or a killed worker costs time, nothing else. What is stored is one unit of work: signals are
sent when all rows are in, and none if one is not.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from import_export.exceptions import ImportError as RowRefused
from import_export.results import RowResult

from ..common.authorship import acting_as
from ..common.claims import Work, lock, passed
from ..common.moments import moment
from ..common.sql import UNAVAILABLE
from ..common.wakeup import wake
from .exchange.files import Table
from .exportable import REQUIRED, DeviceResource, is_key
from .models import Device, DeviceImport
from .unit_of_work import unit_of_work

logger = logging.getLogger(__name__)
IN_REQUEST = 100
"""Rows that are checked and imported while somebody waits."""
LISTED = 200
"""Errors that a report lists."""
_LEASE = timedelta(minutes=1)
_STEP = 50
"""Rows after which progress is noted."""
_KEPT = timedelta(days=1)
"""For how long a file waits to be confirmed."""
_REMEMBERED = timedelta(days=30)
State = DeviceImport.State
#: Import type of a row → its name in reports.
KINDS = {
    RowResult.IMPORT_TYPE_NEW: "new",
    RowResult.IMPORT_TYPE_UPDATE: "changed",
    RowResult.IMPORT_TYPE_SKIP: "unchanged",
}


class _Failed(Exception):
    """The import is undone; ``report`` says why."""

    def __init__(self, report: dict[str, Any]) -> None:
        super().__init__("not imported")
        self.report = report


def receive(user: Any, name: str, table: Table, resource: type[DeviceResource]) -> DeviceImport:
    """Keep a file that a person sent, and check it, at once or in the background.

    Args:
        user: who sent it.
        name: of the file.
        table: what is in it.
        resource: knows what its columns mean.

    Raises:
        ValidationError: columns are missing.
    """
    _check_columns(table)
    row = DeviceImport(
        user=user, file_name=name[:255], resource=f"{resource.__module__}.{resource.__qualname__}",
        table={"headers": table.headers, "rows": table.rows}, total=len(table.rows),
    )  # fmt: skip
    if row.total <= IN_REQUEST:
        row.state, row.report = State.CHECKED, _check(row)
        row.save()
        return row
    row.save()
    wake("config.run_device_imports")
    return row


def confirm(row: DeviceImport) -> None:
    """Import a file that was checked and has no errors, at once or in the background; do nothing otherwise."""
    sound = DeviceImport.objects.filter(pk=row.pk, state=State.CHECKED)
    if row.report.get("errors") or not sound.update(state=State.IMPORTING):
        return
    if row.total <= IN_REQUEST:
        run(row.pk)
    else:
        wake("config.run_device_imports")


def run(key: Any) -> None:
    """Import a confirmed file, all of it or nothing; do nothing when somebody else does, or did."""
    person = DeviceImport.objects.filter(pk=key).values_list("user_id", flat=True).first()
    try:
        with acting_as(person), unit_of_work(robust=True):
            row = lock(DeviceImport.objects.filter(pk=key, state=State.IMPORTING)).first()
            if row is not None:
                row.report = _store(row)
                row.state, row.table = State.DONE, {}
                row.save()
    except _Failed as failed:
        _fail(key, failed.report)
    except UNAVAILABLE:
        raise  # the reconciler tries again
    except Exception:
        logger.exception("The import %s failed, nothing of it is stored", key)
        _fail(key, _one_error(_("Something went wrong in the controller: nothing was imported. Its log says more.")))
    finally:
        cache.delete(_progress(key))


def run_all() -> int:
    """Check and import what waits for that; return how many files were worked at."""
    checked = _checks.all()
    imported = 0
    for key in DeviceImport.objects.filter(state=State.IMPORTING).values_list("pk", flat=True):
        try:
            run(key)
        except UNAVAILABLE as error:
            logger.warning("The import %s waits for the database: %s", key, error)
            continue
        imported += 1
    return checked + imported


def exist_due() -> bool:
    """Tell whether a file waits to be checked or imported."""
    due = Q(state=State.IMPORTING) | Q(_is_due(), state=State.CHECKING)
    return DeviceImport.objects.filter(due).exists()


def forget_old() -> None:
    """Delete files that nobody confirmed, and what is known of old imports."""
    now = timezone.now()
    DeviceImport.objects.filter(state=State.CHECKED, created__lt=now - _KEPT).delete()
    DeviceImport.objects.exclude(state=State.IMPORTING).filter(created__lt=now - _REMEMBERED).delete()


def progress(row: DeviceImport) -> dict[str, Any]:
    """Return how far a file is."""
    done = cache.get(_progress(row.pk), 0) if row.is_busy else row.total
    return {"state": row.state, "done": done, "total": row.total, "finished": not row.is_busy}


def rows(row: DeviceImport, start: int, stop: int) -> list[dict[str, Any]]:
    """Return what some rows of a file that was checked would do.

    Args:
        row: of the file.
        start: number of the first one, from 0.
        stop: number of the first one after them.

    Returns:
        ``row`` (as spreadsheets count), ``kind``, ``name``, ``changes`` (column, before, after), ``errors``.
    """
    table = _table(row)
    table.rows = table.rows[start:stop]
    resource, result = _imported(row, table, dry_run=True, offset=start)
    errors = dict(_errors(result))
    shown = []
    for number, (cells, outcome) in enumerate(zip(table.rows, result.rows, strict=True), 1):
        values = dict(zip(table.headers, cells, strict=True))
        shown.append({
            "row": start + number + 1,
            "kind": KINDS.get(outcome.import_type, "wrong"),
            "name": values.get("name") or values.get("id", ""),
            "changes": resource.changes.get(number, []),
            "errors": [{"column": column, "message": text} for column, text in errors.get(number, ())],
        })  # fmt: skip
    return shown


def _check_columns(table: Table) -> None:
    if "id" in table.headers:
        return
    missing = [name for name in REQUIRED if name not in table.headers]
    if not {"organization", "organization_id"} & set(table.headers):
        missing.append("organization_id")
    if missing:
        raise ValidationError(_("These columns are missing: %s.") % ", ".join(missing))


def _table(row: DeviceImport) -> Table:
    kept: Any = row.table
    if "rows" not in kept:
        raise ValidationError(_("What the file held cannot be read any more: send it again."))
    return Table(kept["headers"], kept["rows"])


def _resource(row: DeviceImport) -> DeviceResource:
    found: DeviceResource = import_string(row.resource)()
    return found


def _imported(
    row: DeviceImport, table: Table, *, dry_run: bool, note: Any = None, offset: int = 0
) -> tuple[DeviceResource, Any]:
    resource = _resource(row)
    resource.note_row = note
    result = resource.import_data_inner(
        table.dataset(), dry_run, raise_errors=not dry_run, using_transactions=False, collect_failed_rows=False,
        user=row.user, offset=offset,
    )  # fmt: skip
    if result.base_errors:
        raise result.base_errors[0].error
    return resource, result


def _check(row: DeviceImport) -> dict[str, Any]:
    def note(number: int) -> None:
        if number % _STEP == 0:
            cache.set(_progress(row.pk), number, 3600)
            DeviceImport.objects.filter(pk=row.pk, state=State.CHECKING).update(leased_until=moment() + _LEASE)

    table = _table(row)
    resource, result = _imported(row, table, dry_run=True, note=note if row.total > IN_REQUEST else None)
    known = {field.column_name for field in resource.get_export_fields()}
    found = list(_listed(result))
    return {
        **{name: result.totals[kind] for kind, name in KINDS.items()},
        "errors": len(found),
        "wrong": len({each["row"] for each in found}),
        "listed": found[:LISTED],
        "ignored": [name for name in table.headers if name not in known],
    }


def _store(row: DeviceImport) -> dict[str, Any]:
    def note(number: int) -> None:
        if number % _STEP == 0:
            cache.set(_progress(row.pk), number, 3600)

    table = _table(row)
    if "id" in table.headers:
        with unit_of_work() as unit:
            unit.lock(Device, map(uuid.UUID, filter(is_key, table.dataset()["id"])))
    try:
        _resource, result = _imported(row, table, dry_run=False, note=note)
    except RowRefused as refused:
        if isinstance(refused.error, UNAVAILABLE):
            raise refused.error from None
        if not isinstance(refused.error, ValidationError):
            logger.error("Row %s cannot be stored", refused.number, exc_info=refused.error)
        told = [(refused.number, _told(refused.error))]
        raise _Failed(_failed(told)) from None
    return {name: result.totals[kind] for kind, name in KINDS.items()}


def _listed(result: Any) -> Iterator[dict[str, Any]]:
    for number, told in _errors(result):
        for column, message in told:
            yield {"row": number + 1, "column": column, "message": message}


def _errors(result: Any) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Yield the rows that are wrong, by number from 1, with column and message of each mistake."""
    wrong = {each.number: _told(each.error) for each in result.invalid_rows}
    for each in result.error_rows:
        wrong[each.number] = [told for error in each.errors for told in _told(error.error)]
    yield from sorted(wrong.items())


def _told(error: BaseException) -> list[tuple[str, str]]:
    if not isinstance(error, ValidationError):
        logger.error("A row cannot be imported", exc_info=error)
        return [("", str(_("The controller cannot tell what is wrong with this row; its log says more.")))]
    if not hasattr(error, "error_dict"):
        return [("", message) for message in error.messages]
    found = error.message_dict.items()
    return [("" if name == NON_FIELD_ERRORS else name, message) for name, messages in found for message in messages]


def _failed(told: list[tuple[int, list[tuple[str, str]]]]) -> dict[str, Any]:
    listed = [
        {"row": number + 1, "column": column, "message": message}
        for number, messages in told
        for column, message in messages
    ]
    return {"errors": len(listed), "wrong": len(told), "listed": listed}


def _one_error(message: str) -> dict[str, Any]:
    return {"errors": 1, "wrong": 0, "listed": [{"row": None, "column": "", "message": message}]}


def _fail(key: Any, report: dict[str, Any]) -> None:
    DeviceImport.objects.filter(pk=key, state=State.IMPORTING).update(state=State.FAILED, report=report, table={})


def _progress(key: Any) -> str:
    return f"device-import-{key}"


def _is_due() -> Q:
    """Return the condition that no worker is busy checking a file."""
    return Q(leased_until=None) | passed("leased_until", _LEASE)


def _claim(prepared: Any, failed: set[Any]) -> DeviceImport | None:
    row = lock(DeviceImport.objects.filter(_is_due(), state=State.CHECKING).exclude(pk__in=failed)).first()
    if row is not None:
        DeviceImport.objects.filter(pk=row.pk).update(leased_until=moment() + _LEASE)
    return row


def _do_check(row: DeviceImport, prepared: Any) -> None:
    try:
        report = _check(row)
    except ValidationError as error:
        report = _one_error(" ".join(error.messages))
    finally:
        cache.delete(_progress(row.pk))
    with transaction.atomic():
        DeviceImport.objects.filter(pk=row.pk, state=State.CHECKING).update(state=State.CHECKED, report=report)


_checks = Work("Check of an import", _claim, _do_check, is_leased=True)
