"""The SSH server of a virtual device: a real one, which behaves like a router's, as far as a controller uses it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

import asyncssh

HUGE = 4 * 1024 * 1024
"""Bytes that a command prints under the fault of that name."""
_SLOWNESS = 2.0
_LOOK_EVERY = 0.1
"""Seconds after which a stuck command looks whether it still is."""


class SshFault(StrEnum):
    """What can be wrong with the SSH server of a device."""

    REFUSED = "connections are refused"
    WRONG_PASSWORD = "no password is right"
    CHANGED_KEY = "the host key is another one"
    HANGING = "it accepts connections and says nothing"
    SLOW = "commands take their time"
    STUCK = "commands do not end"
    HUGE_OUTPUT = "commands print megabytes"
    DROPPED = "the connection breaks in the middle of a command"


class DeviceSshServer:
    """One SSH server on an address of its own.

    Args:
        password: accepted for "root".
        on_wake: is called when a controller tells the agent to look for a configuration.
        on_reboot: is called when the device reboots.
        version: of the agent.
        authorized: public keys in OpenSSH's format, one a line.

    Attributes:
        logins: how often somebody began to log in.
        commands: all that it was told to run.
        files: content of the files that were uploaded or written, by path.
        answers: what further programs print, by name, such as ``{"iperf3": "{}"}``.
        fault: what is wrong with it; may be set at any time.
        applying: whether the agent is applying a configuration.
        connections: open ones.
    """

    def __init__(
        self,
        password: str = "",
        *,
        on_wake: Callable[[], None] = lambda: None,
        on_reboot: Callable[[], None] = lambda: None,
        version: str = "1.3.0a",
        authorized: str = "",
    ) -> None:
        self.password = password
        self.version = version
        self.authorized = authorized
        self.logins = 0
        self.commands: list[str] = []
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, str] = {}
        self.fault: SshFault | None = None
        self.applying = False
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.address = ""
        self.port = 0
        self._on_wake = on_wake
        self._on_reboot = on_reboot
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self._other_key: asyncssh.SSHKey | None = None
        self._server: Any = None
        self._sessions: set[asyncio.Task[Any]] = set()

    @property
    def host_key(self) -> str:
        """Its public key in OpenSSH's format."""
        return self._key.export_public_key().decode().strip()

    def replace_host_key(self) -> None:
        """Make it another device, as a new flash of the firmware does."""
        self._key = asyncssh.generate_private_key("ssh-ed25519")

    async def start(self, address: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 = any, told by ``port``."""
        self.address = address
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, address, port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections from now on, and break those that are open."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for connection in list(self.connections):
            connection.abort()
        for session in self._sessions:
            session.cancel()
        await asyncio.sleep(0)

    def _connection(self) -> asyncio.Protocol:
        """Make what answers a connection: an SSH server, unless this device refuses it or just keeps it open."""
        if self.fault is SshFault.REFUSED:
            return _Refusal()
        if self.fault is SshFault.HANGING:
            return asyncio.Protocol()
        key = self._key
        if self.fault is SshFault.CHANGED_KEY:
            self._other_key = key = self._other_key or asyncssh.generate_private_key("ssh-ed25519")
        return _ssh_server(key, lambda: _Server(self), self._run)

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """Run one command, and end the session as a shell does."""
        session = asyncio.current_task()
        assert session is not None
        self._sessions.add(session)
        session.add_done_callback(self._sessions.discard)
        try:
            status = await self._execute(process, process.command or "")
        except _Gone:
            process.channel.get_connection().abort()
        except (asyncssh.Error, OSError):
            pass
        else:
            process.exit(status)

    async def _execute(self, process: asyncssh.SSHServerProcess[bytes], command: str) -> int:
        self.commands.append(command)
        if self.fault is SshFault.DROPPED:
            process.stdout.write(b"this was printed before")
            await asyncio.sleep(0.05)
            raise _Gone
        while self.fault is SshFault.STUCK:  # noqa: ASYNC110 - anybody may set it, from any thread
            await asyncio.sleep(_LOOK_EVERY)
        if self.fault is SshFault.SLOW:
            await asyncio.sleep(_SLOWNESS)
        if self.fault is SshFault.HUGE_OUTPUT:
            for _ in range(HUGE // 65536):
                process.stdout.write(b"x" * 65535 + b"\n")
                await process.stdout.drain()
        return await self._shell(process, command)

    async def _shell(self, process: asyncssh.SSHServerProcess[bytes], command: str) -> int:
        """Understand what controllers send, and a few words of a shell."""
        for pattern, method in _COMMANDS:
            match = re.fullmatch(pattern, command, re.DOTALL)
            if match is not None:
                status: int = await method(self, process, *match.groups())
                return status
        program = command.split(maxsplit=1)[0] if command.split() else ""
        if program in self.answers:
            process.stdout.write(self.answers[program].encode())
            return 0
        process.stderr.write(f"sh: {program}: not found\n".encode())
        return 127

    async def _tell_version(self, process: Any) -> int:
        process.stdout.write(f"openwisp-config {self.version}\n".encode())
        return 0

    async def _wake_agent(self, process: Any) -> int:
        if self.applying:
            return 75
        self._on_wake()
        return 0

    async def _restart_agent(self, process: Any) -> int:
        self._on_wake()
        return 0

    async def _tell_applying(self, process: Any) -> int:
        return 0 if self.applying else 1

    async def _reboot(self, process: Any) -> int:
        self._on_reboot()
        raise _Gone

    async def _passwd(self, process: Any, user: str) -> int:
        text: str = (await process.stdin.read()).decode()
        new, again, *_ = [*text.split("\n"), "", ""]
        if new != again:
            process.stderr.write(b"Passwords do not match\npasswd: password for root is unchanged\n")
            return 1
        self.password = new
        process.stdout.write(b"passwd: password for root changed by root\n")
        return 0

    async def _echo(self, process: Any, text: str) -> int:
        process.stdout.write(text.encode() + b"\n")
        return 0

    async def _echo_to(self, process: Any, text: str, path: str) -> int:
        self.files[path] = text.encode() + b"\n"
        return 0

    async def _cat(self, process: Any, path: str) -> int:
        if path not in self.files:
            process.stderr.write(f"cat: can't open '{path}': No such file or directory\n".encode())
            return 1
        process.stdout.write(self.files[path])
        return 0

    async def _is_file(self, process: Any, path: str) -> int:
        return 0 if path in self.files else 1

    async def _remove(self, process: Any, path: str) -> int:
        return 0 if self.files.pop(path, None) is not None else 1

    async def _do_nothing(self, process: Any) -> int:
        return 0

    async def _tell_free_memory(self, process: Any) -> int:
        process.stdout.write(b"MemAvailable:      80000 kB\n")
        return 0

    async def _test_image(self, process: Any, path: str) -> int:
        if path in self.files:
            return 0
        process.stderr.write(f"Image file {path} not found.\n".encode())
        return 1

    async def _exit(self, process: Any, status: str) -> int:
        return int(status)

    async def _sleep(self, process: Any, seconds: str) -> int:
        await asyncio.sleep(float(seconds))
        return 0

    async def _count(self, process: Any, amount: str, seconds: str) -> int:
        for number in range(1, int(amount) + 1):
            process.stdout.write(f"{number}\n".encode())
            await asyncio.sleep(float(seconds))
        return 0

    async def _write(self, process: Any, path: str) -> int:
        self.files[path] = await process.stdin.read()
        return 0

    async def _uptime(self, process: Any) -> int:
        process.stdout.write(b" 09:41:00 up 12 days,  3:14,  load average: 0.02, 0.05, 0.00\n")
        return 0


_COMMANDS: tuple[tuple[str, Callable[..., Awaitable[int]]], ...] = (
    (r"\(openwisp-config --version .*", DeviceSshServer._tell_version),
    (r".*kill -SIGUSR[12] .*", DeviceSshServer._wake_agent),
    (r"/etc/init\.d/openwisp_config restart", DeviceSshServer._restart_agent),
    (r"test -f /tmp/openwisp/applying_conf", DeviceSshServer._tell_applying),
    (r"test -f (\S+)", DeviceSshServer._is_file),
    (r"reboot", DeviceSshServer._reboot),
    (r"passwd (\w+)", DeviceSshServer._passwd),
    (r"sync && echo \d > /proc/sys/vm/drop_caches", DeviceSshServer._do_nothing),
    (r"cat /proc/meminfo \| grep MemAvailable", DeviceSshServer._tell_free_memory),
    (r"echo (.*) > (\S+)", DeviceSshServer._echo_to),
    (r"echo (.*)", DeviceSshServer._echo),
    (r"mkdir -p \S+", DeviceSshServer._do_nothing),
    (r"rm -rf \S+", DeviceSshServer._do_nothing),
    (r"rm (\S+)(?: 2> /dev/null)?", DeviceSshServer._remove),
    (r"/sbin/sysupgrade --test (\S+)", DeviceSshServer._test_image),
    (r"/sbin/sysupgrade -v .*", DeviceSshServer._reboot),
    (r"exit (\d+)", DeviceSshServer._exit),
    (r"sleep ([\d.]+)", DeviceSshServer._sleep),
    (r"count (\d+) every ([\d.]+)", DeviceSshServer._count),
    (r"cat > (\S+)", DeviceSshServer._write),
    (r"cat (\S+)", DeviceSshServer._cat),
    (r"uptime", DeviceSshServer._uptime),
)


class _Gone(Exception):
    """The connection breaks without an exit status."""


class _Refusal(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        transport.abort()


class _Server(asyncssh.SSHServer):
    """Who may log in."""

    def __init__(self, device: DeviceSshServer) -> None:
        self._device = device

    def connection_made(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connection = connection
        self._device.connections.add(connection)

    def connection_lost(self, error: Exception | None) -> None:
        self._device.connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        self._device.logins += 1
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return self._device.fault is not SshFault.WRONG_PASSWORD and password == self._device.password

    def public_key_auth_supported(self) -> bool:
        return bool(self._device.authorized)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        shown = key.export_public_key().decode().split()[:2]
        return any(line.split()[:2] == shown for line in self._device.authorized.splitlines())


def _ssh_server(key: asyncssh.SSHKey, server: Callable[[], asyncssh.SSHServer], run: Any) -> asyncio.Protocol:
    """Return the protocol of one SSH connection; thousands of devices share one event loop that way."""
    options = asyncssh.SSHServerConnectionOptions(
        server_factory=server, server_host_keys=[key], process_factory=run, encoding=None, compression_algs=None,
        gss_host=None, allow_scp=False,
    )  # fmt: skip
    connection: asyncio.Protocol = asyncssh.connection.SSHServerConnection(asyncio.get_running_loop(), options)
    return connection
