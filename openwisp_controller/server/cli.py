"""The command line: ``openwisp-controller COMMAND``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError, connections

from .. import __version__, fleet
from ..fleet import cli as fleet_cli
from . import backup, check, demo, environment, metrics_directory, processes, queues, stored, workers

_CORES = os.cpu_count() or 1
_THREADS = min(8, 2 * _CORES + 1)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "openwisp_controller.server.settings")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status: 0 = well, 1 = the command failed, 2 = wrong use or settings."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["manage"]:
        return _guarded(lambda: _manage(arguments[1:]))
    options = command_line().parse_args(arguments)
    if getattr(options, "data_dir", None):
        os.environ["OPENWISP_DATA_DIR"] = str(options.data_dir.resolve())
    return _guarded(lambda: options.run(options))


def _guarded(run: Callable[[], int]) -> int:
    """Turn wrong settings, and a database that is away, into one clear line."""
    try:
        return run()
    except ImproperlyConfigured as error:
        return _refuse(error, 2)
    except ModuleNotFoundError as error:
        module = os.environ["DJANGO_SETTINGS_MODULE"]
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        return _refuse(f"DJANGO_SETTINGS_MODULE is {module!r}, which cannot be imported: {error}", 2)
    except backup.BackupError as error:
        return _refuse(error, 1)
    except OperationalError as error:
        if "--traceback" in sys.argv:
            raise
        return _refuse(f"the database is not available: {str(error).strip()}", 1)
    except KeyboardInterrupt:
        return 130


def _refuse(reason: object, status: int) -> int:
    print(f"openwisp-controller: {reason}", file=sys.stderr)
    return status


def command_line() -> argparse.ArgumentParser:
    """Return the parser of all commands but ``manage``; ``run`` of what it returns runs the command."""
    parser = argparse.ArgumentParser(prog="openwisp-controller", description="Network controller for OpenWrt fleets.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    serve = commands.add_parser("serve", help="run everything in one process, on SQLite (embedded mode)")
    _add_http(serve, workers=False)
    _add_data_directory(serve)
    serve.set_defaults(run=_serve)

    web = commands.add_parser("web", help="serve HTTP (production)")
    _add_http(web, workers=True)
    web.set_defaults(run=_web)

    live = commands.add_parser("live", help="serve WebSockets (production)")
    _add_http(live, workers=True, port=8001, threads=False)
    live.set_defaults(run=_live)

    worker = commands.add_parser("worker", help="run background tasks (production)")
    worker.add_argument("--concurrency", type=_positive, default=_CORES, help="processes that compile (default: cores)")
    worker.add_argument("--queues", type=_queues, help=f"only these, of {','.join(queues.QUEUES)} (default: all)")
    worker.set_defaults(run=_worker)

    scheduler = commands.add_parser("scheduler", help="start periodic tasks; run exactly one (production)")
    scheduler.set_defaults(run=_scheduler)

    commands.add_parser("manage", help="run a Django management command", add_help=False)

    virtual = commands.add_parser("fleet", help="run virtual devices against a controller", description=fleet.__doc__)
    fleet_cli.add_arguments(virtual)
    virtual.set_defaults(run=fleet_cli.run)

    show = commands.add_parser("demo", help="show a controller with 25 virtual devices")
    show.add_argument("--once", action="store_true", help="stop when all devices followed; exit 1 if they did not")
    show.add_argument("--devices", type=_positive, default=25, help="how many virtual devices (default: 25)")
    show.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1)")
    show.add_argument("--port", type=_port, default=8000, help="TCP port (default: 8000, or a free one)")
    _add_data_directory(show)
    show.set_defaults(run=_demo)

    save = commands.add_parser("backup", help="copy the data directory while the server runs (embedded mode)")
    save.add_argument("target", type=Path, metavar="DIRECTORY", help="is made; it will hold all secrets, too")
    _add_data_directory(save)
    save.set_defaults(run=_backup)

    bring_back = commands.add_parser("restore", help="bring a backup into an empty data directory (embedded mode)")
    bring_back.add_argument("source", type=Path, metavar="DIRECTORY", help="what `backup` made")
    _add_data_directory(bring_back)
    bring_back.set_defaults(run=_restore)

    verify = commands.add_parser("check", help="verify the environment and name what is missing")
    text = "verify what a deployment needs, too; exit 1 for warnings as well"
    verify.add_argument("--deploy", action="store_true", help=text)
    _add_data_directory(verify)
    verify.set_defaults(run=_check)
    return parser


def _add_http(parser: argparse.ArgumentParser, *, workers: bool, port: int = 8000, threads: bool = True) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=port, help=f"TCP port (default: {port})")
    if threads:
        text = "requests at once, per process (default: by cores, up to 8)"
        parser.add_argument("--threads", type=_positive, default=_THREADS, help=text)
    if workers:
        parser.add_argument("--workers", type=_positive, default=_CORES, help="processes (default: cores)")


def _add_data_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, help="where the embedded mode keeps everything (OPENWISP_DATA_DIR)")


def _positive(text: str) -> int:
    value = _whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _queues(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in queues.QUEUES]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"{text!r} names no queue: write some of {','.join(queues.QUEUES)}")
    return names


def _port(text: str) -> int:
    value = _whole(text)
    if not 0 < value < 65536:
        raise argparse.ArgumentTypeError("must be between 1 and 65535")
    return value


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _serve(options: argparse.Namespace) -> int:
    if environment.is_production():
        print(
            "openwisp-controller: DATABASE_URL is set, so this is production: run `web`, `live`, `worker` and"
            " `scheduler` instead of `serve`.",
            file=sys.stderr,
        )
        return 2
    processes.address_of(options.host, options.port)
    environment.expect_devices_at(options.host)
    processes.prepare_embedded()
    print(f"Serving at {processes.url(options.host, options.port)}/admin/", flush=True)
    processes.serve_websockets(
        "openwisp_controller.server.embedded:application",
        options.host,
        options.port,
        workers=1,
        threads=options.threads,
    )
    return 0


def _web(options: argparse.Namespace) -> int:
    with metrics_directory.made():
        _require_production()
        processes.serve_http(
            "openwisp_controller.server.rsgi:application",
            options.host,
            options.port,
            workers=options.workers,
            threads=options.threads,
        )
    return 0


def _live(options: argparse.Namespace) -> int:
    _require_production()
    processes.serve_websockets(
        "openwisp_controller.server.asgi:application", options.host, options.port, workers=options.workers
    )
    return 0


def _worker(options: argparse.Namespace) -> int:
    _require_production()
    processes.require_suitable_database()
    return workers.run(workers.pools(options.queues or queues.QUEUES, options.concurrency))


def _scheduler(options: argparse.Namespace) -> int:
    _require_production()
    processes.scheduler()


def _require_production() -> None:
    if not environment.is_production():
        raise ImproperlyConfigured(
            "DATABASE_URL is not set. This command is for production; for everything in one process run `serve`."
        )
    django.setup()
    processes.require_sound_settings()


def _manage(arguments: list[str]) -> int:
    execute_from_command_line(["openwisp-controller manage", *arguments])
    return 0


def _demo(options: argparse.Namespace) -> int:
    return demo.run(options)


def _backup(options: argparse.Namespace) -> int:
    _require_embedded("pg_dump")
    remarks = backup.create(options.target)
    print(f"Saved {environment.data_path()} to {options.target}. Whoever can read it, can read all secrets.")
    for remark in remarks:
        print(remark)
    return 0


def _restore(options: argparse.Namespace) -> int:
    _require_embedded("pg_restore")
    backup.restore(options.source, _check_restored)
    print(f"Restored {options.source} to {environment.data_path()}.")
    return 0


def _check_restored() -> None:
    """Refuse a database of a newer version, before it is put in its place."""
    django.setup()
    try:
        stored.check_age()
    finally:
        connections.close_all()


def _require_embedded(instead: str) -> None:
    if environment.is_production():
        raise ImproperlyConfigured(
            f"DATABASE_URL is set, so this is production: use `{instead}`, see docs/how-to/back-up.md."
        )


def _check(options: argparse.Namespace) -> int:
    return check.report(deploy=options.deploy)


if __name__ == "__main__":
    sys.exit(main())
