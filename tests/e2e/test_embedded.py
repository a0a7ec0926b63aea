"""The embedded server and the command line, as a person uses them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import urllib.request
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ..databases import Migrated
from ..services import free_port
from ..ssh import PASSWORD, SshServers
from .processes import PATIENCE, PATIENT, Process, environment, run, running, status_of, wait_until

pytestmark = pytest.mark.skipif("DATABASE_URL" in os.environ, reason="has databases of its own: runs once, with SQLite")


PRODUCTION = {
    "DATABASE_URL": "postgresql://x@127.0.0.1:1/y",
    "REDIS_URL": "redis://127.0.0.1:1",
    "SECRET_KEY": "only-for-tests",
    "ENCRYPTION_KEYS": "only-for-tests-only-for-tests-only-for-tests",
}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The environment of a server that starts for the first time."""
    return environment(OPENWISP_DATA_DIR=str(tmp_path / "data"))


@pytest.fixture
def migrated_env(env: dict[str, str], migrated: Migrated) -> dict[str, str]:
    """The environment of a server that has its tables."""
    migrated.copy_to(env["OPENWISP_DATA_DIR"])
    return env


def test_the_demo_shows_the_main_job(env: dict[str, str]) -> None:
    result = run("demo", "--once", "--port", str(free_port()), env=env)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "All 25 are applied" in result.stdout
    assert "All 25 follow" in result.stdout
    assert "password" in result.stdout


def test_first_start_prepares_everything(env: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    server = Process(("serve", "--port", str(port)), env, tmp_path / "log")
    with running(server):
        wait_until(lambda: status_of(f"http://127.0.0.1:{port}/readyz") == 200, "readiness")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE) as answer:
            assert json.load(answer) == {
                "ready": True,
                "checks": {"database": "ok", "broker": "ok", "migrations": "ok"},
            }
        assert status_of(f"http://127.0.0.1:{port}/healthz") == 200
        assert status_of(f"http://127.0.0.1:{port}/admin/login/") == 200
        secret = "do-not-log-this-secret"
        assert status_of(f"http://127.0.0.1:{port}/controller/checksum/{'0' * 32}/?key={secret}") == 404
    assert "manage createsuperuser" in server.output
    assert secret not in server.output
    for name in ("secret-key", "encryption-keys", "controller.sqlite3"):
        assert (tmp_path / "data" / name).stat().st_mode & 0o777 == 0o600


def test_check_names_what_is_missing(env: dict[str, str], tmp_path: Path) -> None:
    before = run("check", env=env)
    assert before.returncode == 1
    assert "MISSING migrations" in before.stdout
    assert "manage migrate" in before.stdout
    assert run("manage", "migrate", "-v0", env=env).returncode == 0
    after = run("check", env=env)
    assert after.returncode == 0, after.stdout
    assert "MISSING" not in after.stdout
    (tmp_path / "data" / "controller.sqlite3").chmod(0o644)
    exposed = run("check", env=env)
    assert exposed.returncode == 1
    assert "controller.sqlite3 can be read by others (mode 644): chmod 600 it" in exposed.stdout


@pytest.mark.parametrize(
    ("arguments", "extra", "message"),
    [
        (("worker",), {}, "DATABASE_URL is not set"),
        (("web",), {}, "DATABASE_URL is not set"),
        (("check",), {"DATABASE_URL": "postgresql://x@127.0.0.1/x"}, "SECRET_KEY is not set"),
        (("manage", "check"), {"DATABASE_URL": "postgresql://x@127.0.0.1/x"}, "SECRET_KEY is not set"),
        (("serve",), {"DATABASE_URL": "postgresql://x@127.0.0.1/x"}, "run `web`, `live`, `worker` and `scheduler`"),
        (("manage", "check"), {"DATABASE_URL": "mysql://x/y", "SECRET_KEY": "x", "REDIS_URL": "redis://x"}, "'mysql'"),
        (("manage", "check"), {"DATABASE_URL": "postgresql://x/y", "SECRET_KEY": "x"}, "production needs Redis"),
        (("manage", "check"), {"TRUSTED_PROXIES": "two"}, "TRUSTED_PROXIES"),
        (("manage", "check"), {"DEBUG": "perhaps"}, "DEBUG"),
        (("serve",), {"DJANGO_SETTINGS_MODULE": "not_there"}, "DJANGO_SETTINGS_MODULE is 'not_there'"),
        (("serve", "--data-dir", "/dev/null/x"), {}, "The data directory /dev/null/x cannot be used"),
        (("serve", "--host", "no-such-host.invalid"), {}, "cannot listen at no-such-host.invalid"),
        (("manage", "migrate"), PRODUCTION, "the database is not available: connection"),
    ],
)
def test_wrong_settings_are_explained(
    env: dict[str, str], arguments: tuple[str, ...], extra: dict[str, str], message: str
) -> None:
    result = run(*arguments, env={**env, **extra})
    assert result.returncode in (1, 2)
    assert message in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def test_wrong_settings_of_a_module_are_explained(env: dict[str, str], tmp_path: Path) -> None:
    module = "from openwisp_controller.server.settings import *\n{} = {}\n"
    (tmp_path / "lost.py").write_text(module.format("OPENWISP_CONNECTORS", "[('no.Such', 'x')]"))
    (tmp_path / "names.py").write_text(module.format("OPENWISP_CONTROLLER_DEVICE_VERBOSE_NAME", "'Router'"))
    env["PYTHONPATH"] = str(tmp_path)
    checked = run("check", env={**env, "DJANGO_SETTINGS_MODULE": "lost"})
    assert checked.returncode == 1
    assert "MISSING settings: OPENWISP_CONNECTORS names 'no.Such'" in checked.stdout
    for name, message in (("lost", "OPENWISP_CONNECTORS names 'no.Such'"), ("names", "must be a pair")):
        started = run("serve", "--port", str(free_port()), env={**env, "DJANGO_SETTINGS_MODULE": name})
        assert started.returncode == 2
        assert started.stderr.startswith("openwisp-controller: OPENWISP_")
        assert message in started.stderr
        assert "Traceback" not in started.stderr


def test_secrets_are_never_made_anew_in_silence(env: dict[str, str], tmp_path: Path) -> None:
    assert run("manage", "check", env=env).returncode == 0
    (tmp_path / "data" / "encryption-keys").write_text("")
    result = run("serve", env=env)
    assert result.returncode == 2
    assert "encryption-keys is empty: bring back a copy of it" in result.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_server_stops_when_told(migrated_env: dict[str, str], tmp_path: Path, how: signal.Signals) -> None:
    port = free_port()
    server = Process(("serve", "--host", "localhost", "--port", str(port)), migrated_env, tmp_path / "log")
    with running(server):
        wait_until(lambda: status_of(f"http://localhost:{port}/readyz") == 200, "readiness")
        assert server.process is not None
        server.process.send_signal(how)  # to the parent alone, as a supervisor does
        assert server.process.wait(PATIENCE) == 0
        assert status_of(f"http://localhost:{port}/healthz") == 0
    assert "Traceback" not in server.output


def test_a_demo_that_is_stopped_leaves_nothing_behind(env: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    kept = tmp_path / "temporary"
    kept.mkdir()
    demo = Process(("demo", "--devices", "1", "--port", str(port)), {**env, "TMPDIR": str(kept)}, tmp_path / "log")
    with running(demo):
        wait_until(lambda: status_of(f"http://127.0.0.1:{port}/readyz") == 200, "readiness")
        assert demo.process is not None
        demo.process.send_signal(signal.SIGTERM)
        assert demo.process.wait(PATIENCE) == 0
        assert status_of(f"http://127.0.0.1:{port}/healthz") == 0
    assert list(kept.iterdir()) == []


def test_the_server_survives_a_port_in_use(migrated_env: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    first = Process(("serve", "--port", str(port)), migrated_env, tmp_path / "log")
    with running(first):
        wait_until(lambda: status_of(f"http://127.0.0.1:{port}/healthz") == 200, "the start")
        second = run("serve", "--port", str(port), env=migrated_env)
    assert second.returncode != 0
    assert str(port) in second.stderr


SESSION = """
from django.contrib.auth import get_user_model
from django.test import Client
from pathlib import Path
from openwisp_users.models import Organization
from openwisp_controller.config.models import Config, Device
from openwisp_controller.connection.models import Credentials, DeviceConnection
user = get_user_model().objects.create_superuser("root", "root@example.org", "password")
client = Client()
client.force_login(user)
organization = Organization.objects.create(name="e2e", slug="e2e")
device = Device.objects.create(
    organization=organization, name="router", mac_address="02:00:00:00:00:01", management_ip="127.0.0.1"
)
Config.objects.create(device=device, backend="netjsonconfig.OpenWrt")
params = {{"username": "root", "password": "{password}", "port": {port}}}
credentials = Credentials(
    organization=organization, name="all", connector="openwisp_controller.connection.connectors.ssh.Ssh", params=params
)
credentials.save()
connection = DeviceConnection(device=device, credentials=credentials)
connection.full_clean()
connection.save()
Path("{path}").write_text(client.cookies["sessionid"].value + " " + str(device.pk))
"""


def test_commands_are_sent_and_watched_live(migrated_env: dict[str, str], tmp_path: Path, ssh: SshServers) -> None:
    env = {**migrated_env, **PATIENT}
    path = tmp_path / "session"
    code = SESSION.format(password=PASSWORD, port=ssh.start().port, path=path)
    prepared = run("manage", "shell", "-v0", "-c", code, env=env)
    assert prepared.returncode == 0, prepared.stderr
    session, device = path.read_text().split()
    port = free_port()
    server = Process(("serve", "--port", str(port)), env, tmp_path / "log")
    with running(server):
        wait_until(lambda: status_of(f"http://127.0.0.1:{port}/readyz") == 200, "readiness")
        messages = asyncio.run(send_and_watch(f"http://127.0.0.1:{port}", device, session))
    assert messages[-1]["data"]["output"] == "1\n2\n3\n4\n5\n6\n"
    assert messages[-1]["data"]["status"] == "success"
    assert len(messages) > 1, "the output was not shown while the command was running"
    assert (tmp_path / "data" / "encryption-keys").stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in server.output


async def send_and_watch(url: str, device: str, session: str) -> list[Any]:
    messages: list[Any] = []
    jar = aiohttp.CookieJar(unsafe=True)  # which means: addresses instead of names
    async with aiohttp.ClientSession(cookies={"sessionid": session}, cookie_jar=jar) as client:
        async with client.get(f"{url}/admin/") as page:
            token = client.cookie_jar.filter_cookies(page.url)["csrftoken"].value
        async with client.ws_connect(f"{url}/ws/controller/device/{device}/command", origin=url) as socket:
            data = {"type": "custom", "input": {"command": "count 6 every 0.4"}}
            commands = f"{url}/api/v1/controller/device/{device}/command/"
            async with client.post(commands, json=data, headers={"X-CSRFToken": token}) as answer:
                assert answer.status == 201, await answer.text()
            while not messages or messages[-1]["data"]["status"] == "in-progress":
                messages.append(json.loads((await socket.receive(timeout=PATIENCE)).data))
    return messages
