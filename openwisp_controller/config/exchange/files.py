"""Files with tables: CSV, TSV, XLSX, JSON, YAML and (written only) HTML."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import openpyxl
import tablib
import yaml
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.utils.exceptions import InvalidFileException
from yaml.events import AliasEvent

from .cells import escaped, text_of, unescaped

MOST_ROWS = 20_000
"""Rows of one file."""
MOST_COLUMNS = 200
_LONGEST_CELL = 32_767
"""Characters that a cell of a spreadsheet holds."""
#: How spreadsheets write characters that XML does not keep, and what looks like that without being meant so.
_CODE, _MEANT_AS_TEXT = re.compile("_x([0-9A-Fa-f]{4})_"), re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_UNPACKED = 200 * 1024 * 1024
#: Format → content type of the file.
FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "tsv": "text/tab-separated-values; charset=utf-8",
    "json": "application/json",
    "yaml": "application/yaml",
    "html": "text/html; charset=utf-8",
}
READABLE = ("csv", "xlsx", "tsv", "json", "yaml")
#: Formats that spreadsheets open.
_CALCULATED = ("csv", "tsv", "xlsx", "html")


@dataclass
class Table:
    """What a file holds, as text."""

    headers: list[str]
    rows: list[list[str]] = field(default_factory=list)

    def dataset(self, start: int = 0, stop: int | None = None) -> tablib.Dataset:
        """Return some of the rows as django-import-export knows them."""
        return tablib.Dataset(*self.rows[start:stop], headers=self.headers)


def format_of(name: str) -> str:
    """Return the format that the name of a file tells, empty where it tells none."""
    ending = name.rpartition(".")[2].lower()
    return {"yml": "yaml", "txt": "csv"}.get(ending, ending if ending in READABLE else "")


def read(content: bytes, kind: str) -> Table:
    """Return the table of a file.

    Args:
        content: of the file.
        kind: one of ``READABLE``.

    Raises:
        ValidationError: it cannot be read; in words that tell how to mend it.
    """
    if not content.strip():
        raise ValidationError(_("The file is empty."))
    readers: dict[str, Callable[[bytes], Iterable[Any]]] = {
        "csv": _delimited, "tsv": _delimited_by_tabs, "xlsx": _spreadsheet, "json": _json, "yaml": _yaml,
    }  # fmt: skip
    lines = iter(readers[kind](content))
    headers = [text_of(each).strip() for each in next(lines, [])]
    while headers and not headers[-1]:
        headers.pop()
    _check_headers(headers)
    table = Table(headers)
    for line in lines:
        cells = [text_of(each) for each in line]
        if not any(cells):
            continue
        if any(cells[len(headers) :]):
            raise ValidationError(_("Row %d has more cells than there are columns.") % (len(table.rows) + 2))
        cells = (cells + [""] * len(headers))[: len(headers)]
        table.rows.append([unescaped(each) for each in cells] if kind in _CALCULATED else cells)
        if len(table.rows) > MOST_ROWS:
            raise ValidationError(_("The file has more than %d rows: split it.") % MOST_ROWS)
    if not table.rows:
        raise ValidationError(_("The file has no rows below the names of the columns."))
    return table


def write(table: tablib.Dataset, kind: str) -> bytes:
    """Return a file with a table.

    Args:
        table: the columns and rows.
        kind: one of ``FORMATS``.

    Raises:
        ValidationError: the format cannot hold it.
    """
    if kind == "json":
        return json.dumps(table.dict, indent=1, ensure_ascii=False, default=str).encode()
    if kind in _CALCULATED:
        rows = [[escaped(each) for each in row] for row in table]
        table = tablib.Dataset(*rows, headers=table.headers)
    if kind == "xlsx":
        return _written_spreadsheet(table)
    written: str = table.export(kind)
    return written.encode()


def _check_headers(headers: list[str]) -> None:
    if not headers or not all(headers):
        raise ValidationError(_("The first row must name the columns; one of them has no name."))
    if len(headers) > MOST_COLUMNS:
        raise ValidationError(_("The file has more than %d columns.") % MOST_COLUMNS)
    twice = sorted({name for name in headers if headers.count(name) > 1})
    if twice:
        raise ValidationError(_("The file has more than one column of this name: %s.") % ", ".join(twice))


def _text(content: bytes) -> str:
    is_wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError:
        raise ValidationError(_("The file is no text in UTF-8: save it with this encoding.")) from None
    if "\x00" in text:
        raise ValidationError(_("The file is no text."))
    return text


def _delimited(content: bytes, delimiter: str = "") -> Iterator[list[str]]:
    text = _text(content)
    first = text.partition("\n")[0]
    delimiter = delimiter or (";" if first.count(";") > first.count(",") else ",")
    before = csv.field_size_limit(16 * 1024 * 1024)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise ValidationError(_("The file cannot be read: %s.") % error) from None
    finally:
        csv.field_size_limit(before)


def _delimited_by_tabs(content: bytes) -> Iterator[list[str]]:
    return _delimited(content, "\t")


def _spreadsheet(content: bytes) -> Iterator[list[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(each.file_size for each in archive.infolist()) > _UNPACKED:
                raise ValidationError(_("The file is too large."))
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet: Any = book.worksheets[0]
        for row in sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS + 1):
            cells = [_CODE.sub(_decoded, cell) if isinstance(cell, str) else cell for cell in row]
            while cells and cells[-1] is None:
                cells.pop()
            yield cells
    except ValidationError:
        raise
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, IndexError, TypeError, OSError) as error:
        raise ValidationError(_("The file is no XLSX spreadsheet, or it is damaged: %s.") % error) from None
    except Exception as error:  # the parser of XML has errors of its own
        raise ValidationError(_("The spreadsheet cannot be read: %s.") % type(error).__name__) from None


def _json(content: bytes) -> Iterator[list[Any]]:
    try:
        return _of_objects(json.loads(_text(content)))
    except (ValueError, RecursionError) as error:
        raise ValidationError(_("The file is not valid JSON: %s.") % error) from None


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _yaml(content: bytes) -> Iterator[list[Any]]:
    """Read YAML without references: a few lines with them can stand for more than any memory holds."""
    text = _text(content)
    try:
        if any(isinstance(event, AliasEvent) for event in yaml.parse(text, Loader=_Loader)):
            raise yaml.YAMLError("references are not supported")
        return _of_objects(yaml.load(text, Loader=_Loader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValidationError(_("The file is not valid YAML: %s.") % error) from None


def _of_objects(rows: Any) -> Iterator[list[Any]]:
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ValidationError(_("The file must hold a list of devices, each with names and values."))
    headers = list(dict.fromkeys(str(name) for row in rows for name in row))
    return iter([headers, *([row.get(name) for name in headers] for row in rows)])


def _written_spreadsheet(table: tablib.Dataset) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet: Any = book.create_sheet("devices")
    sheet.append(table.headers)
    for row in table:
        for header, cell in zip(table.headers, row, strict=True):
            if isinstance(cell, str) and (len(cell) > _LONGEST_CELL or ILLEGAL_CHARACTERS_RE.search(cell)):
                text = _("The column “%(column)s” of “%(row)s” cannot stand in a spreadsheet: choose another format.")
                raise ValidationError(text % {"column": header, "row": row[0]})
        sheet.append([_typed(sheet, cell) for cell in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _typed(sheet: Any, value: Any) -> Any:
    """Return a cell that is stored as text, even if it looks like a number."""
    cell: Any = openpyxl.cell.WriteOnlyCell(sheet, value=None)
    if isinstance(value, bool | int | float) or value is None:
        cell.value = value
        return cell
    cell.value = _MEANT_AS_TEXT.sub("_x005F_", str(value)).replace("\r", "_x000D_")
    cell.data_type = "s"
    return cell


def _decoded(code: re.Match[str]) -> str:
    return chr(int(code[1], 16))
