"""Starting the processes of a server."""

from __future__ import annotations

import logging
import os
import resource
import socket
import sys
from typing import Any, NoReturn

import django
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DatabaseError, connection, connections
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from . import environment, inherited_socket, stored
from .inherited_socket import ServerOfSocket

logger = logging.getLogger(__name__)
#: Names the environment variable by which the processes that serve HTTP hear how many requests to answer at once.
THREADS = "OPENWISP_HTTP_THREADS"
#: So many connections wait to be accepted.
BACKLOG = 2048
#: Seconds that requests have to end in when the process is told to stop.
_PATIENCE_WITH_REQUESTS = 25


def serve_websockets(target: str, host: str, port: int, *, workers: int, threads: int = 4) -> None:
    """Serve an ASGI application, WebSockets included, until the process is told to stop.

    Args:
        target: ``module:name`` of the application.
        host: address to listen at, or a name of one.
        port: TCP port.
        workers: processes.
        threads: HTTP requests at once, for an application that answers them in threads.
    """
    _serve(target, host, port, Interfaces.ASGINL, workers=workers, threads=threads, workers_kill_timeout=10)


def serve_http(target: str, host: str, port: int, *, workers: int, threads: int) -> None:
    """Serve an RSGI application until the process is told to stop.

    Args:
        target: ``module:name`` of the application.
        host: address to listen at, or a name of one.
        port: TCP port.
        workers: processes.
        threads: requests that each process handles at once; every thread has a database connection.
    """
    _serve(
        target, host, port, Interfaces.RSGI, workers=workers, threads=threads, websockets=False,
        workers_kill_timeout=_PATIENCE_WITH_REQUESTS,
    )  # fmt: skip


def _serve(target: str, host: str, port: int, interface: Interfaces, *, threads: int, **options: Any) -> None:
    """Serve at an address; the short interface also on a socket that was passed to this process."""
    # Not HTTP/2: a connection on which nothing was read yet, and which may be of that, is dropped at the end.
    descriptor = inherited_socket.inherited() if interface is Interfaces.RSGI else None
    address = address_of(host, port) if descriptor is None else host
    os.environ[THREADS] = str(threads)
    allow_many_connections()
    arguments: dict[str, Any] = {
        "address": address, "port": port, "interface": interface, "backlog": BACKLOG, "respawn_failed_workers": True,
        "log_level": LogLevels.warning, "process_name": None, "http": HTTPModes.http1, **options,
    }  # fmt: skip
    connections.close_all()  # the processes are forked, and SQLite allows none to go on with a connection of another
    if descriptor is None:
        Granian(target, **arguments).serve()
    else:
        ServerOfSocket(target, descriptor=descriptor, **arguments).serve()


def allow_many_connections() -> None:
    """Let this process and its children hold as many connections as the system allows: slow clients keep theirs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def address_of(host: str, port: int) -> str:
    """Return the IP address behind ``host``, at which nobody listens yet; granian knows no names and would share.

    Raises:
        ImproperlyConfigured: when there is no such host, it is not this machine, or the port is in use.
    """
    try:
        candidates = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such name"
        raise ImproperlyConfigured(f"cannot listen at {host}, port {port}: {reason}") from None
    family, _kind, _protocol, _name, address = min(candidates, key=lambda candidate: candidate[0] != socket.AF_INET)
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise ImproperlyConfigured(f"cannot listen at {host}, port {port}: {error.strerror}") from None
    return str(address[0])


def url(host: str, port: int) -> str:
    """Return the address of a server for people."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def problems() -> list[str]:
    """Return the errors that Django's system checks find in the settings."""
    errors = [message for message in checks.run_checks() if message.is_serious() and not message.is_silenced()]
    return [f"{error.msg} {error.hint or ''}".strip() for error in errors]


def require_sound_settings() -> None:
    """Raise ``ImproperlyConfigured`` for what would fail later, at some request."""
    wrong = problems()
    if wrong:
        raise ImproperlyConfigured("\n".join(wrong))


def require_suitable_database() -> None:
    """Raise ``ImproperlyConfigured`` for a database of a newer version; one that is away is waited for later."""
    try:
        stored.check_age()
        warn_of_unreadable_secrets()
    except DatabaseError as error:
        logger.warning("The database could not be looked at: %s", error)
    finally:
        connection.close()


def warn_of_unreadable_secrets() -> None:
    """Log that there are secrets of other keys; devices are served nevertheless, so nothing is refused."""
    try:
        stored.check_secrets()
    except ImproperlyConfigured as error:
        logger.error("%s", error)


def prepare_embedded() -> None:
    """Bring the embedded database up to date, and say how to create the first administrator."""
    django.setup()
    require_sound_settings()
    print(f"Data directory: {environment.data_directory()}", flush=True)
    stored.check_age()
    call_command("migrate", interactive=False, verbosity=0)
    warn_of_unreadable_secrets()
    if not get_user_model().objects.filter(is_superuser=True).exists():
        command = sys.argv[0] if sys.argv[0].endswith("openwisp-controller") else "openwisp-controller"
        print(
            "There is no administrator yet. Create one with:\n"
            f"  OPENWISP_DATA_DIR={environment.data_directory()} {command} manage createsuperuser",
            flush=True,
        )


def scheduler() -> NoReturn:
    """Become the scheduler, without what this process has loaded."""
    os.execv(sys.executable, [sys.executable, "-m", "openwisp_controller.server.beat"])
