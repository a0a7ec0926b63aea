"""Structured logs that never hold a device key or a shared secret."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

#: ``key=…``, ``secret=…`` and relatives in query strings, form bodies and messages.
_SECRET = re.compile(r"(?i)\b((?:shared_)?secret|key|token|auth_token|password)(=|%3D|\"?:\s*\"?)[^\s&\"',;)}\]]+")
_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "request"}


def hide_secrets(text: str) -> str:
    """Return ``text`` with the values of the parameters ``key``, ``secret``, ``token`` and ``password`` masked."""
    return _SECRET.sub(r"\1\2***", text)


class HideSecrets(logging.Filter):
    """Masks secrets in the message and in the traceback before any formatter sees them."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = hide_secrets(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = hide_secrets(logging.Formatter().formatException(record.exc_info))
        elif record.exc_text:
            record.exc_text = hide_secrets(record.exc_text)
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message and whatever ``extra`` holds."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request = getattr(record, "request", None)
        if request is not None and hasattr(request, "path"):
            entry["path"] = request.path
            entry["method"] = request.method
        entry.update((name, hide_secrets(str(value))) for name, value in vars(record).items() if name not in _STANDARD)
        if record.exc_info:
            entry["error"] = record.exc_text or self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)
