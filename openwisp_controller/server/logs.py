"""Structured logs that never hold a device key or a shared secret."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

#: ``key=…``, ``'secret': ['…']``, ``(key)=(…)`` and relatives: query strings, forms, dictionaries, databases' messages.
_SECRET = re.compile(
    r"""(?ix) (?: (?<![a-z]) | (?<=%[0-9a-f]{2}) ) ( secret|key|token|password|passphrase|privatekey|sharedsecret )
    ( ["']? \)? \s* (?: = | %3D | : ) \s* [\[(]? b? )
    (?: (["']) (?: \\. | (?!\3). )*  |  [^\s&"',;)}\]]+ )""",
    re.DOTALL,
)
_BEARER = re.compile(r"(?i)\b(bearer|basic|token) +[\w.~+/=-]{16,}")
_IN_ADDRESS = re.compile(r"(://[^\s/:@]*):[^\s/@]+@")
_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "request"}


def hide_secrets(text: str) -> str:
    """Return ``text`` with keys, secrets, tokens and passwords masked, wherever their names stand before them."""
    text = _SECRET.sub(lambda found: f"{found[1]}{found[2]}{found[3] or ''}***", text)
    return _IN_ADDRESS.sub(r"\1:***@", _BEARER.sub(r"\1 ***", text))


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
        entry.update((name, _extra(name, value)) for name, value in vars(record).items() if name not in _STANDARD)
        if record.exc_info:
            entry["error"] = record.exc_text or self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def _extra(name: str, value: object) -> str:
    return hide_secrets(f"{name}={value}").removeprefix(f"{name}=")
