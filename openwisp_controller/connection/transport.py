"""One SSH session on the event loop: connecting with deadlines, running commands, nothing else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncssh

from .exceptions import CommandTimeoutException, ConnectionFailed
from .hostkeys import HostKeyPolicy
from .settings import AUTH_ROUND_TRIPS, settings

TRUNCATED = "\n[output truncated]\n"
_CHUNK = 65536
#: Devices in the field still sign with SHA-1 only; asked for when they refuse everything better.
_OLD_SIGNATURES = ["ssh-rsa"]
#: Those come first that cost a router the least.
_HOST_KEY_ALGORITHMS = (
    "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-256", "rsa-sha2-512",
    "ssh-rsa",
)  # fmt: skip


@dataclass(frozen=True)
class Login:
    """User name and password or key, and the TCP port."""

    username: str
    password: str | None = None
    key: asyncssh.SSHKey | None = None
    port: int = 22


@dataclass(frozen=True)
class Result:
    """Output and exit status of a remote command."""

    stdout: str
    stderr: str
    exit_status: int
    """-1 when the connection was closed without one."""

    @property
    def output(self) -> str:
        """Both streams, as people see them."""
        if not self.stderr:
            return self.stdout
        separator = "" if self.stdout.endswith("\n") else "\n"
        return f"{self.stdout}{separator}{self.stderr}"


class _Client(asyncssh.SSHClient):
    """Notes when the server has identified itself, and applies the policy of host keys."""

    def __init__(self, policy: HostKeyPolicy) -> None:
        self.policy = policy
        self.identified: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        if not self.identified.done():
            self.identified.set_result(None)
        return self.policy.accepts(key)


async def connect(address: str, login: Login, policy: HostKeyPolicy) -> asyncssh.SSHClientConnection:
    """Open a session.

    Raises:
        ConnectionFailed: with the reason, with the texts of the documented interface.
        HostKeyChanged: the device has another host key.
    """
    try:
        return await _connect(address, login, policy, {})
    except asyncssh.PermissionDenied:
        if login.key is not None and login.key.algorithm == b"ssh-rsa":
            with suppress(asyncssh.PermissionDenied):
                return await _connect(address, login, policy, {"signature_algs": _OLD_SIGNATURES})
        raise ConnectionFailed("Authentication failed.") from None


async def _connect(
    address: str, login: Login, policy: HostKeyPolicy, options: dict[str, Any]
) -> asyncssh.SSHClientConnection:
    sock = await _open_socket(address, login.port)
    client = _Client(policy)
    handshake = asyncio.ensure_future(_handshake(sock, client, login, policy, options))
    try:
        steps: set[asyncio.Future[Any]] = {handshake, client.identified}
        await asyncio.wait(steps, timeout=settings.SSH_BANNER_TIMEOUT,
                           return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
        if not client.identified.done() and not handshake.done():
            raise ConnectionFailed("Error reading SSH protocol banner: timed out")
        async with asyncio.timeout(AUTH_ROUND_TRIPS * settings.SSH_AUTH_TIMEOUT):
            return await handshake
    except TimeoutError:
        raise ConnectionFailed("Authentication timeout.") from None
    except asyncssh.PermissionDenied:
        raise
    except asyncssh.Error as error:
        if policy.refused:
            raise policy.error() from None
        raise ConnectionFailed(error.reason or type(error).__name__) from None
    except OSError as error:
        raise ConnectionFailed(str(error) or type(error).__name__) from None
    finally:
        if not handshake.done():
            handshake.cancel()
        client.identified.cancel()
        if not handshake.done() or handshake.cancelled() or handshake.exception() is not None:
            sock.close()


async def _handshake(
    sock: socket.socket, client: _Client, login: Login, policy: HostKeyPolicy, options: dict[str, Any]
) -> asyncssh.SSHClientConnection:
    preferred = policy.preferred_algorithms
    others = [name for name in _HOST_KEY_ALGORITHMS if name not in preferred]
    return await asyncssh.connect(
        sock=sock,
        client_factory=lambda: client,
        # an empty list, so that the decision is the policy's; nothing is read from or written to this account's files
        known_hosts=lambda host, addr, port: ([], [], []),
        config=None,
        agent_path=None,
        gss_host=None,
        username=login.username,
        password=login.password,
        client_keys=[login.key] if login.key is not None else None,
        preferred_auth=["publickey"] if login.key is not None else ["password", "keyboard-interactive"],
        compression_algs=None,
        server_host_key_algs=[*preferred, *others],
        **options,
    )


async def _open_socket(address: str, port: int) -> socket.socket:
    """Open the TCP connection."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        async with asyncio.timeout(settings.SSH_CONNECTION_TIMEOUT):
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except TimeoutError:
        sock.close()
        raise ConnectionFailed("timed out") from None
    except OSError:
        sock.close()
        raise ConnectionFailed(f"[Errno None] Unable to connect to port {port} on {address}") from None
    except BaseException:
        sock.close()
        raise
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class _Stream:
    """Collects one stream, however much there comes, and keeps its beginning."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._kept = 0
        self.cut = False

    def feed(self, data: bytes) -> None:
        room = self._limit - self._kept
        if len(data) > room:
            self.cut = True
        if room > 0:
            self._parts.append(data[:room])
            self._kept += min(room, len(data))

    @property
    def text(self) -> str:
        return b"".join(self._parts).decode(errors="ignore") + (TRUNCATED if self.cut else "")


async def execute(
    connection: asyncssh.SSHClientConnection,
    command: str,
    timeout: float,
    *,
    stdin: bytes = b"",
    on_output: Callable[[str], None] | None = None,
) -> Result:
    """Run a command and return its result; what it prints is drained while it runs.

    Args:
        timeout: seconds, opening of the channel included.
        stdin: what it reads.
        on_output: told what was printed so far, whenever there is more.

    Raises:
        CommandTimeoutException: it did not end in time; the channel is closed.
        ConnectionFailed: the connection broke before the command was started.
    """
    limit = settings.CONTROLLER_COMMAND_OUTPUT_LIMIT
    out, err = _Stream(limit), _Stream(limit)

    async def drain(reader: asyncssh.SSHReader[bytes], stream: _Stream) -> None:
        with suppress(asyncssh.Error, OSError):
            while data := await reader.read(_CHUNK):
                stream.feed(data)
                if on_output is not None:
                    on_output(Result(out.text, err.text, 0).output)

    process: asyncssh.SSHClientProcess[bytes] | None = None
    try:
        async with asyncio.timeout(timeout):
            process = await connection.create_process(command, encoding=None)
            with suppress(asyncssh.Error, OSError):  # it may have ended already, without reading anything
                process.stdin.write(stdin)
                process.stdin.write_eof()
            await asyncio.gather(drain(process.stdout, out), drain(process.stderr, err))
            await process.wait_closed()
    except TimeoutError:
        raise CommandTimeoutException(f"Command timed out after {float(timeout)} seconds.") from None
    except (asyncssh.Error, OSError) as error:
        if process is None:
            raise ConnectionFailed(str(error) or type(error).__name__) from None
    finally:
        if process is not None:
            process.close()
    status = process.exit_status if process is not None else None
    return Result(out.text, err.text, -1 if status is None else status)
