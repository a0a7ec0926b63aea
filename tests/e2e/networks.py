"""Two hosts with a cable between them, made of network namespaces."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER_ADDRESS, DEVICE_ADDRESS = "192.0.2.1", "192.0.2.2"
_ports = itertools.count(1000)
_CONNECT = "import socket; socket.create_connection(({address!r}, {port}), timeout={timeout}).close()"
_LISTEN = "import socket; s = socket.create_server(({address!r}, {port})); print('up', flush=True); s.accept()"


class Host:
    """A host in a network namespace of its own."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        directory.mkdir()
        self._processes: list[subprocess.Popen[str]] = []

    def run(self, *command: str, check: bool = True, **options: object) -> str:
        """Run a command to its end and return what it printed."""
        result = subprocess.run(
            ["ip", "netns", "exec", self.name, *command],
            cwd=self.directory, capture_output=True, text=True, check=False, timeout=30, **options,  # type: ignore[call-overload]
        )  # fmt: skip
        output: str = result.stdout + result.stderr
        assert not check or result.returncode == 0, f"{' '.join(command)}: {output}"
        return output

    def start(self, *command: str, log: str, **environment: str) -> Path:
        """Start a command that goes on running and return the file to which it prints."""
        path = self.directory / log
        with path.open("w") as output:
            self._processes.append(
                subprocess.Popen(
                    ["ip", "netns", "exec", self.name, *command], cwd=self.directory, stdout=output,
                    stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment},
                )
            )  # fmt: skip
        return path

    def stop(self) -> None:
        """Stop what was started."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(10)
        self._processes.clear()

    def write(self, files: dict[str, str]) -> None:
        """Put files below the directory of the host."""
        for name, contents in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(contents)
            path.chmod(0o600)


@contextmanager
def two_hosts(directory: Path) -> Iterator[tuple[Host, Host]]:
    """Make two hosts, a server at ``SERVER_ADDRESS`` and a device at ``DEVICE_ADDRESS``; they are gone afterwards."""
    tag = uuid.uuid4().hex[:6]
    server, device = Host(f"srv-{tag}", directory / "server"), Host(f"dev-{tag}", directory / "device")
    try:
        for host in (server, device):
            _ip("netns", "add", host.name)
        _ip("link", "add", "eth0", "netns", server.name, "type", "veth", "peer", "name", "eth0", "netns", device.name)
        for host, address in ((server, SERVER_ADDRESS), (device, DEVICE_ADDRESS)):
            host.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
            host.run("ip", "link", "set", "eth0", "up")
            host.run("ip", "link", "set", "lo", "up")
        yield server, device
    finally:
        for host in (server, device):
            host.stop()
            subprocess.run(["ip", "netns", "delete", host.name], capture_output=True, check=False)


def are_possible() -> bool:
    """Tell whether this machine lets us make network namespaces with tunnels in them."""
    name = f"try-{uuid.uuid4().hex[:6]}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode == 0
    if made:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    return made and Path("/dev/net/tun").exists()


def reaches(server: Host, device: Host, address: str, seconds: float = 60) -> bool:
    """Tell whether a TCP connection from the device to an address of the server comes about within a time.

    It is tried again and again: WireGuard repeats an unanswered handshake after five seconds at the earliest.
    """
    port = next(_ports)
    log = server.start(
        "python3", "-c", _LISTEN.format(address=address, port=port), log=f"listen-{uuid.uuid4().hex[:6]}.log"
    )
    wait_for(log, "up")
    end = time.monotonic() + seconds
    attempt = _CONNECT.format(address=address, port=port, timeout=3)
    while "Traceback" in device.run("python3", "-c", attempt, check=False):
        if time.monotonic() > end:
            return False
    return True


def wait_for(log: Path, text: str, seconds: float = 30) -> None:
    """Wait until a text stands in a log."""
    end = time.monotonic() + seconds
    while text not in log.read_text():
        assert time.monotonic() < end, f"{text!r} is not in {log.name}:\n{log.read_text()}"
        time.sleep(0.05)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
