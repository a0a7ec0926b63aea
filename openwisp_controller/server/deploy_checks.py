"""What is well enough for trying the controller out, and not for a deployment: each with what is wrong and the mend."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks, mail
from django.db import DatabaseError

from ..common.moments import database_time
from ..config.maintenance import last_reconciled
from . import environment, pooling
from .findings import Finding, Weight

#: What Django's checks call the same in its own settings, by the variables of this server.
_MENDS = {
    "security.W004": "browsers are not told to come over HTTPS alone: set HSTS_SECONDS=31536000 once they can",
    "security.W009": "SECRET_KEY can be guessed: set it to 50 or more random characters, `openssl rand -base64 48`",
    "security.W012": "cookies are sent over HTTP, too: set SECURE_COOKIES=true",
    "security.W016": "cookies are sent over HTTP, too: set SECURE_COOKIES=true",
    "security.W018": "DEBUG is set, and shows settings and data to everybody: set DEBUG=false",
    "security.W020": "ALLOWED_HOSTS is empty, so every request of a person is refused: name the server's hosts in it",
}
#: What is for the proxy, which ends TLS, or for the owner of the domain to decide.
_OF_OTHERS = {"security.W005", "security.W008", "security.W021"}
_PLACEHOLDER = "CHANGE-ME"
_NOT_SENT = {"console", "dummy", "filebased", "locmem"}
_MANY_PROXIES = 5
_QUIET_FOR = timedelta(minutes=5)
"""For so long, at least, the periodic work may not be begun."""


def findings() -> list[Finding]:
    """Run the checks that need no tables in the database, all of them whatever the others find."""
    return _run({
        "security": _security,
        "hosts": _hosts,
        "keys": _keys,
        "https": _https,
        "proxies": _proxies,
        "e-mail": _mail,
        "files": _files,
        "prepared statements": _prepared_statements,
    })  # fmt: skip


def findings_of_database() -> list[Finding]:
    """Run the checks that ask a database which answers and has its tables."""
    return _run({"periodic work": _periodic_work})


def _run(wanted: dict[str, Callable[[], Iterator[str]]]) -> list[Finding]:
    result = []
    for name, check in wanted.items():
        problems = [Finding(name, problem, Weight.WARNING) for problem in dict.fromkeys(check())]
        result += problems or [Finding(name)]
    return result


def _security() -> Iterator[str]:
    """Django's own checks of deployments, and its warnings."""
    for message in checks.run_checks(include_deployment_checks=True):
        if message.is_silenced() or message.level < checks.WARNING or message.id in _OF_OTHERS:
            continue
        if message.level < checks.ERROR:  # errors are found without asking for a deployment, too
            yield _MENDS.get(str(message.id), f"{message.msg} {message.hint or ''}".strip())


def _hosts() -> Iterator[str]:
    if "*" in settings.ALLOWED_HOSTS:
        yield "ALLOWED_HOSTS is *, so links in mails may lead anywhere: name the server's hosts in it"


def _keys() -> Iterator[str]:
    values = {"SECRET_KEY": settings.SECRET_KEY, "ENCRYPTION_KEYS": ",".join(environment.encryption_keys())}
    for name, value in values.items():
        if _PLACEHOLDER in value:
            yield f"{name} is that of the example, which everybody knows: make one with `openssl rand -base64 48`"
    if settings.SECRET_KEY in environment.encryption_keys():
        yield "SECRET_KEY is one of ENCRYPTION_KEYS: use different ones, so that one can be changed without the other"


def _https() -> Iterator[str]:
    if not _believes_the_proxy():
        yield (
            "people are taken to come over HTTP, for nothing says otherwise: let a proxy with TLS set"
            " X-Forwarded-Proto, as in deploy/nginx, and set TRUST_X_FORWARDED_PROTO=true"
        )


def _believes_the_proxy() -> bool:
    header: Any = settings.SECURE_PROXY_SSL_HEADER
    return header is not None


def _proxies() -> Iterator[str]:
    number = settings.OPENWISP_CONTROLLER_TRUSTED_PROXIES
    if number == 0 and _believes_the_proxy():
        yield (
            "TRUST_X_FORWARDED_PROTO says that there is a proxy, and TRUSTED_PROXIES that there is none: set it to the"
            " number of proxies, or all devices seem to have the address of the last one"
        )
    if number > _MANY_PROXIES:
        yield (
            f"TRUSTED_PROXIES is {number}: where there are fewer proxies, clients choose the addresses that they seem"
            " to come from; set it to the number of proxies"
        )


def _mail() -> Iterator[str]:
    backend = settings.EMAIL_BACKEND
    if backend.rpartition(".backends.")[2].partition(".")[0] in _NOT_SENT:
        yield (
            "notifications are not mailed: set EMAIL_BACKEND=django.core.mail.backends.smtp.EmailBackend, and"
            " EMAIL_HOST to a server that takes mail"
        )
    else:
        try:
            with mail.get_connection():
                pass
        except Exception as error:
            server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
            yield f"no mail can be sent by {server} ({error}): set EMAIL_HOST, EMAIL_PORT and so on to one that does"
    if settings.DEFAULT_FROM_EMAIL.rstrip(">").endswith("@localhost"):
        sender = settings.DEFAULT_FROM_EMAIL
        yield f"mails come from {sender}, which others refuse: set DEFAULT_FROM_EMAIL to an address that there is"


def _files() -> Iterator[str]:
    for name, of in (("STATIC_ROOT", settings.STATIC_ROOT), ("MEDIA_ROOT", settings.MEDIA_ROOT)):
        path = Path(of) if of else None
        if path is None:
            if name == "MEDIA_ROOT":
                yield "MEDIA_ROOT is not set, so uploaded files land wherever the server was started: set it"
        elif not os.access(path, os.W_OK | os.X_OK):
            yield f"{name} is {path}, which this user cannot write to: give it to the user of the server"
        elif name == "STATIC_ROOT" and environment.is_production() and not any(path.iterdir()):
            yield f"{name} is empty: run `openwisp-controller manage collectstatic --noinput`"


def _periodic_work() -> Iterator[str]:
    begun = last_reconciled()
    mend = "start `scheduler` and `worker`, or `serve`, and look at what they log"
    if begun is None:
        yield f"the periodic work was never begun: {mend}"
        return
    quiet = database_time() - begun
    if quiet > max(_QUIET_FOR, 3 * timedelta(seconds=settings.RECONCILE_INTERVAL)):
        yield f"the periodic work was last begun {quiet.total_seconds() / 60:.0f} minutes ago: {mend}"


def _prepared_statements() -> Iterator[str]:
    database = settings.DATABASES["default"]
    if not environment.is_production() or database["OPTIONS"].get("prepare_threshold") is None:
        return
    try:
        is_lent = pooling.lends_by_transaction()
    except DatabaseError:
        return  # another check tells that the database is away
    if is_lent:
        yield (
            "a pool lends connections by transaction, which breaks statements that PostgreSQL keeps: set"
            " PREPARED_STATEMENTS=false, or pool_mode = session in PgBouncer"
        )
