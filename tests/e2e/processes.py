"""Real processes of the product under test, started and stopped by the test that needs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..services import PATIENCE

#: Variables of the environment for settings with patience.
PATIENT = {
    "DJANGO_SETTINGS_MODULE": "tests.e2e.settings",
    "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
}
CLI = [sys.executable, "-m", "openwisp_controller.server.cli"]
#: For ``manage shell``: changes what every device gets by ``prepare``.
EDIT_TEMPLATE = """
from openwisp_controller.config.models import Template
template = Template.objects.get(name="lan")
template.config["interfaces"][0]["mtu"] = 1400
template.save()
"""


def prepare(secret: str) -> str:
    """Code for ``manage shell``: an organization with this shared secret and a default template."""
    return f"""
from openwisp_users.models import Organization
from openwisp_controller.config.models import OrganizationConfigSettings, Template
organization = Organization.objects.create(name="e2e", slug="e2e")
OrganizationConfigSettings.objects.create(organization=organization, shared_secret="{secret}")
Template.objects.create(
    organization=organization, name="lan", backend="netjsonconfig.OpenWrt", default=True,
    config={{"interfaces": [{{"name": "eth0", "type": "ethernet"}}]}},
)
"""


def environment(**values: str) -> dict[str, str]:
    """The environment of a process: nothing of the test suite's own configuration, then ``values``."""
    dropped = {
        "DATABASE_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "ENCRYPTION_KEYS",
        "DJANGO_SETTINGS_MODULE",
        "OPENWISP_DATA_DIR",
    }
    return {**{name: value for name, value in os.environ.items() if name not in dropped}, **values}


def run(*arguments: str, env: dict[str, str], timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    """Run a command of the product to its end."""
    return subprocess.run(
        [*CLI, *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@dataclass
class Process:
    """A long-lived process; its output goes to ``log``."""

    arguments: tuple[str, ...]
    env: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*CLI, *self.arguments], env=self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Signal the whole process group and wait; what does not stop in time is killed."""
        process, self.process = self.process, None
        if process is None:
            return
        for number in (how, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            try:
                process.wait(60)
                break
            except subprocess.TimeoutExpired:
                continue

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


@contextmanager
def running(*processes: Process) -> Iterator[None]:
    """Start processes, and stop them whatever happens."""
    try:
        for process in processes:
            process.start()
        yield
    finally:
        for process in reversed(processes):
            process.stop()


def wait_until(done: Callable[[], bool], what: str, timeout: float = PATIENCE) -> None:
    """Wait until ``done`` says so, and fail with ``what`` did not happen otherwise."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if done():
            return
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {timeout} seconds")


def status_of(url: str) -> int:
    """The HTTP status of a GET request; 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
