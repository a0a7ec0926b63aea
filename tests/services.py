"""Real PostgreSQL and Redis servers for tests and benchmarks, run in temporary directories.

Both are throw-away servers: they listen on 127.0.0.1 on a free port, never flush to disk, and leave nothing
behind.

    with postgresql() as database_url, redis() as redis_url:
        ...
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

#: Seconds to wait for something that has to happen: a busy machine is no failure.
PATIENCE = 300.0
_START_ATTEMPTS = 3


class ServiceError(RuntimeError):
    """A service could not be started."""


class Service:
    """A running server; a test may stop it and start it again on the same port, with what it had stored."""

    def __init__(
        self, launch: Callable[[], subprocess.Popen[bytes]], ready: Callable[[], bool], stop_signal: signal.Signals
    ) -> None:
        self.url = ""
        self._launch = launch
        self._ready = ready
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it has been started and not stopped."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """Process identifier of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> bool:
        """Start the server and return whether it answers: it does not when somebody else took the port."""
        self._process = self._launch()
        return _wait_until_ready(self._process, self._ready)

    def stop(self) -> None:
        """Stop the server, harmless when it is not running; connections to it break."""
        process, self._process = self._process, None
        if process is not None:
            _stop(process, self._stop_signal)


@contextmanager
def postgresql(database: str = "openwisp_controller") -> Iterator[str]:
    """Run a PostgreSQL server, with PostGIS in its template database where PostGIS is installed.

    Takes the name of the database to create. Yields a URL such as
    ``postgresql://postgres@127.0.0.1:40123/openwisp_controller``, whose user is a superuser without password.
    Raises ServiceError when the binaries are missing or the server does not come up.
    """
    with postgresql_service(database) as service:
        yield service.url


@contextmanager
def postgresql_service(database: str = "openwisp_controller", disk: Path | None = None) -> Iterator[Service]:
    """Run a PostgreSQL server like ``postgresql`` and yield the service itself.

    Args:
        database: name of the database to create.
        disk: where tables are kept, all but the write-ahead log; None = with everything else.
    """
    binaries = _postgresql_binaries()
    owner = _unprivileged_user("postgres")
    with _scratch_directory("pg-", owner) as directory:
        data = (disk or directory) / "data"
        if disk is not None and owner is not None:
            shutil.chown(disk, owner)
        _check(
            [
                binaries / "initdb",
                "-D",
                data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
                "--locale=C.UTF-8",
                "--waldir",
                directory / "log-of-writes",
            ],
            owner,
            directory,
        )

        def command(port: int) -> list[str | Path]:
            settings = {
                "listen_addresses": "127.0.0.1",
                "port": str(port),
                "unix_socket_directories": "",
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
                "max_connections": "200",
                "max_wal_size": "1GB",
            }
            options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
            return [binaries / "postgres", "-D", data, *options]

        def ready(port: int) -> bool:
            probe: list[str | Path] = [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
            return subprocess.run(probe, check=False).returncode == 0

        with _server(command, ready, directory, owner, stop_signal=signal.SIGINT) as (service, port):
            base: list[str | Path] = [
                binaries / "psql",
                "-X",
                "-q",
                "-h",
                "127.0.0.1",
                "-p",
                str(port),
                "-U",
                "postgres",
            ]
            base += ["-v", "ON_ERROR_STOP=1"]
            if _has_postgis(binaries):
                _check([*base, "-d", "template1", "-c", "CREATE EXTENSION postgis"], owner, directory)
            _check([*base, "-d", "postgres", "-c", f'CREATE DATABASE "{database}"'], owner, directory)
            service.url = f"postgresql://postgres@127.0.0.1:{port}/{database}"
            yield service


@contextmanager
def redis(database: int = 0) -> Iterator[str]:
    """Run a Redis server that keeps everything in memory.

    Takes the number of the database that the URL names. Yields a URL such as ``redis://127.0.0.1:40124/0``.
    Raises ServiceError when the binary is missing or the server does not come up.
    """
    with redis_service(database) as service:
        yield service.url


@contextmanager
def redis_service(database: int = 0) -> Iterator[Service]:
    """Run a Redis server like ``redis`` and yield the service itself; what it held is gone when it is stopped."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise ServiceError("redis-server is not installed; on Debian: apt-get install redis-server")
    with _scratch_directory("redis-", None) as directory:

        def command(port: int) -> list[str | Path]:
            options = {"--bind": "127.0.0.1", "--save": "", "--appendonly": "no", "--dir": str(directory)}
            return [binary, "--port", str(port), *(word for pair in options.items() for word in pair)]

        with _server(command, _redis_answers, directory, None, stop_signal=signal.SIGTERM) as (service, port):
            service.url = f"redis://127.0.0.1:{port}/{database}"
            yield service


def _postgresql_binaries() -> Path:
    """Directory of the newest installed PostgreSQL."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    in_path = shutil.which("initdb")
    if in_path is not None:
        return Path(in_path).resolve().parent
    raise ServiceError("PostgreSQL is not installed; on Debian: apt-get install postgresql-15 postgresql-15-postgis-3")


def _has_postgis(binaries: Path) -> bool:
    result = subprocess.run([binaries / "pg_config", "--sharedir"], check=False, capture_output=True, text=True)
    share = (
        Path(result.stdout.strip()) if result.returncode == 0 else Path("/usr/share/postgresql") / binaries.parent.name
    )
    return (share / "extension" / "postgis.control").exists()


def _unprivileged_user(name: str) -> str | None:
    """The system user to run a server as that refuses to run as root; None when we are not root."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(name)
    except KeyError:
        raise ServiceError(f"PostgreSQL refuses to run as root, and there is no system user {name!r}") from None
    return name


def _as_user(owner: str | None) -> dict[str, Any]:  # Any: keyword arguments of Popen, of several types
    if owner is None:
        return {}
    return {"user": owner, "group": pwd.getpwnam(owner).pw_gid, "extra_groups": []}


@contextmanager
def _scratch_directory(prefix: str, owner: str | None) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix=f"openwisp-{prefix}"))
    try:
        if owner is not None:
            shutil.chown(directory, owner)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _server(
    command: Callable[[int], list[str | Path]],
    ready: Callable[[int], bool],
    directory: Path,
    owner: str | None,
    stop_signal: signal.Signals,
) -> Iterator[tuple[Service, int]]:
    """Start a server on a free port, wait until it answers, yield it and the port, stop the server."""
    log = directory / "log"
    for _ in range(_START_ATTEMPTS):
        port = free_port()
        service = Service(partial(_launch, command(port), log, owner), partial(ready, port), stop_signal)
        try:
            if service.start():
                yield service, port
                return
        finally:
            service.stop()
    raise ServiceError(f"{command(0)[0]} did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _launch(command: list[str | Path], log: Path, owner: str | None) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        # Its own session: a Ctrl-C at the terminal must reach us, who stop it in order, and not it.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            start_new_session=True,
            **_as_user(owner),
        )


def _wait_until_ready(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> bool:
    """Whether the server answers before it dies (somebody else took the port) or time runs out."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if ready():
            return True
        time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    if process.poll() is not None:
        return
    process.send_signal(stop_signal)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _check(command: list[str | Path], owner: str | None, directory: Path) -> None:
    result = subprocess.run(command, check=False, capture_output=True, text=True, cwd=directory, **_as_user(owner))
    if result.returncode != 0:
        raise ServiceError(f"{command[0]} failed:\n{result.stdout}{result.stderr}")


def _redis_answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
