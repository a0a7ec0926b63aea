"""What became of a mass command, device by device: for its page and as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.utils.translation import gettext as _

from ...config.exchange import files
from ...config.exchange.cells import escaped
from ...config.models import Device
from ..models import BatchCommand, Command

SKIPPED = "skipped"
_BADGES = {Command.Status.SUCCESS: "good", Command.Status.FAILED: "bad", Command.Status.IN_PROGRESS: "waiting"}
_CHUNK = 100


@dataclass(frozen=True)
class Result:
    """One row: a device and what became of its command."""

    device_id: Any
    name: str
    status: str
    label: Any
    badge: str
    output: str
    modified: Any = None


class Results(Sequence[Result]):
    """The results of a mass command in pieces, as paginators ask for them: commands by device, then skipped devices.

    Args:
        batch: the mass command.
        status: one of ``Command.Status`` or "skipped"; empty for all.
        search: a part of the name of the device.
    """

    def __init__(self, batch: BatchCommand, status: str = "", search: str = "") -> None:
        sent = batch.batch_commands.select_related("device").defer("input").order_by("device__name", "device_id")
        self._sent = sent.filter(device__name__icontains=search) if search else sent
        if status:
            self._sent = self._sent.filter(status=status) if status != SKIPPED else sent.none()
        self._reasons = batch.skipped_devices if status in ("", SKIPPED) else {}
        left_out = Device.objects.filter(pk__in=list(self._reasons)).order_by("name", "pk")
        self._left_out = left_out.filter(name__icontains=search) if search else left_out
        self._amount = self._sent.count()
        self._all = self._amount + (self._left_out.count() if self._reasons else 0)

    def __len__(self) -> int:
        return self._all

    def __getitem__(self, wanted: Any) -> Any:
        """Return the rows of a slice."""
        start, stop, _step = wanted.indices(self._all)
        rows = [_result(each) for each in self._sent[start:stop]]
        first, last = max(start - self._amount, 0), stop - self._amount
        if last > first:
            rows += [self._skipped(*each) for each in self._left_out.values_list("pk", "name")[first:last]]
        return rows

    def __iter__(self) -> Iterator[Result]:
        for start in range(0, self._all, _CHUNK):
            yield from self[start : start + _CHUNK]

    def _skipped(self, key: Any, name: str) -> Result:
        return Result(key, name, SKIPPED, _("skipped"), "idle", " ".join(self._reasons[str(key)]))


def _result(command: Command) -> Result:
    status: Any = Command.Status(command.status)
    return Result(
        command.device_id, command.device.name, status, status.label, _BADGES[status], command.output, command.modified
    )


def as_file(batch: BatchCommand, results: Iterable[Result]) -> StreamingHttpResponse:
    """Offer results as a file of comma-separated values, written while it is sent: outputs may be long."""
    disposition = content_disposition_header(True, f"{slugify(batch.label) or 'mass-command'}.csv") or "attachment"
    return StreamingHttpResponse(
        _lines(results), content_type=files.FORMATS["csv"], headers={"Content-Disposition": disposition}
    )


def _lines(results: Iterable[Result]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(["device", "status", "output", "modified", "device_id"])
    for each in results:
        stamp = each.modified.isoformat() if each.modified else ""
        writer.writerow([escaped(cell) for cell in (each.name, each.status, each.output, stamp, str(each.device_id))])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    yield line.getvalue()


def grouped(skipped: dict[str, list[str]], names: dict[Any, str], shown: int = 10) -> list[dict[str, Any]]:
    """Return why devices are skipped, the most frequent reason first, with how many they are and the first of them.

    Args:
        skipped: key of a device → the reasons.
        names: key → name of the device.
        shown: how many of them are named.
    """
    found: dict[str, list[str]] = {}
    for key, reasons in skipped.items():
        found.setdefault(" ".join(reasons), []).append(names.get(key, key))
    return [
        {"reason": reason, "count": len(devices), "names": sorted(devices)[:shown], "more": len(devices) - shown}
        for reason, devices in sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
