"""SSH: the connector that the others build upon."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, ClassVar

import asyncssh
from django.utils.functional import cached_property
from jsonschema.exceptions import ValidationError

from .. import transport
from ..exceptions import CommandFailedException, ConnectionFailed
from ..hostkeys import HostKeyPolicy
from ..loop import run
from ..schema import validate
from ..settings import settings

logger = logging.getLogger(__name__)
_PORT = {"type": "integer", "default": 22, "minimum": 1, "maximum": 65535}


class Ssh:
    """Runs commands on a device over SSH.

    The interface is synchronous. Each method has a twin whose name starts with ``a``, a coroutine, over which the
    controller drives many devices at once; a subclass that replaces a synchronous method alone is run in a thread.

    Args:
        params: parameters of the credentials, overridden by those of the connection.
        addresses: of the device, in the order in which they are tried.
    """

    schema: ClassVar[dict[str, Any]] = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "title": "Credentials type",
        "oneOf": [
            {
                "title": "SSH (password)",
                "required": ["username", "password"],
                "additionalProperties": False,
                "properties": {
                    "username": {"type": "string", "minLength": 2},
                    "password": {"type": "string", "minLength": 4},
                    "port": _PORT,
                },
            },
            {
                "title": "SSH (private key)",
                "required": ["username", "key"],
                "additionalProperties": False,
                "properties": {
                    "username": {"type": "string"},
                    "key": {"type": "string", "format": "textarea", "minLength": 64},
                    "port": _PORT,
                },
            },
        ],
    }
    has_update_strategy: ClassVar[bool] = True
    secret_params: ClassVar[tuple[str, ...]] = ("password", "key")

    def __init__(self, params: dict[str, Any], addresses: Sequence[str]) -> None:
        self._params = params
        self.addresses = addresses
        self.host_keys = HostKeyPolicy()
        self.log_as = ""
        """What is logged instead of commands that hold secrets."""
        self._connection: asyncssh.SSHClientConnection | None = None

    @classmethod
    def validate(cls, params: Any) -> None:
        """Raise ``jsonschema.ValidationError`` unless ``params`` can be used."""
        validate(params, cls.schema)
        cls.custom_validation(params)

    @classmethod
    def custom_validation(cls, params: dict[str, Any]) -> None:
        """Check what the schema cannot say; raise ``jsonschema.ValidationError``."""
        if "password" not in params and "key" not in params:
            raise ValidationError("Missing password or key")
        if "key" in params:
            _private_key(params["key"])

    @cached_property
    def params(self) -> dict[str, Any]:
        """The parameters as the transport takes them: a key object ``pkey`` instead of the text ``key``."""
        params = dict(self._params)
        if "key" in params:
            params["pkey"] = _private_key(params.pop("key"))
        return params

    @property
    def is_connected(self) -> bool:
        """Whether there is a session."""
        return self._connection is not None and not self._connection.is_closed()

    def connect(self) -> None:
        """Connect to the first address that accepts us; nothing happens when there is a session.

        Raises:
            OSError: of the last address; the text says why.
        """
        run(self.aconnect())

    def disconnect(self) -> None:
        """End the session."""
        run(self.adisconnect())

    def exec_command(
        self,
        command: str,
        timeout: float | None = None,
        exit_codes: Sequence[int] = (0,),
        raise_unexpected_exit: bool = True,
    ) -> tuple[str, int]:
        """Run a command; return its output, error output last, and its exit status (-1 = none was sent).

        Args:
            timeout: seconds, by default ``OPENWISP_SSH_COMMAND_TIMEOUT``.
            exit_codes: what counts as success.
            raise_unexpected_exit: whether anything else is an error.

        Raises:
            CommandFailedException: unexpected exit status; the text is what the command printed.
            CommandTimeoutException: it did not end in time.
        """
        return run(self.aexec_command(command, timeout, exit_codes, raise_unexpected_exit))

    def update_config(self) -> None:
        """Make the device fetch its configuration."""
        raise NotImplementedError

    def upload(self, file_obj: BinaryIO, remote_path: str, timeout: float | None = None) -> None:
        """Store a file on the device.

        Raises:
            CommandFailedException: the device could not write it.
        """
        data = file_obj.read()
        command = f"cat > {shlex.quote(remote_path)}"
        run(self.aexec_command(command, timeout, stdin=data))

    async def aconnect(self) -> None:
        if self.is_connected:
            return
        if not self.addresses:
            raise ValueError("No valid IP addresses to initiate connections found")
        failure: Exception | None = None
        for address in self.addresses:
            try:
                self._connection = await transport.connect(str(address), self._login, self.host_keys)
            except ConnectionFailed as error:
                failure = error
            else:
                return
        assert failure is not None
        raise failure

    async def adisconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def aexec_command(
        self,
        command: str,
        timeout: float | None = None,
        exit_codes: Sequence[int] = (0,),
        raise_unexpected_exit: bool = True,
        *,
        stdin: bytes = b"",
        on_output: Callable[[str], None] | None = None,
    ) -> tuple[str, int]:
        logger.info("Executing command: %s", self.log_as or command)
        if self._connection is None:
            raise ConnectionFailed("There is no connection.")
        result = await transport.execute(
            self._connection, command, timeout or settings.SSH_COMMAND_TIMEOUT, stdin=stdin, on_output=on_output
        )
        if result.exit_status not in exit_codes and raise_unexpected_exit:
            message = f"Unexpected exit code: {result.exit_status}"
            logger.info(message)
            raise CommandFailedException(result.stderr or result.output or message)
        return result.output, result.exit_status

    @property
    def _login(self) -> transport.Login:
        params = self.params
        return transport.Login(params["username"], params.get("password"), params.get("pkey"), params.get("port", 22))


def _private_key(text: str) -> asyncssh.SSHKey:
    try:
        key = asyncssh.import_private_key(text.strip() + "\n")
    except (asyncssh.KeyImportError, ValueError):
        key = None
    if key is None or key.get_algorithm() not in ("ssh-rsa", "ssh-ed25519"):
        raise ValidationError(
            "Unrecognized or unsupported SSH key algorithm, only RSA and ED25519 are currently supported."
        )
    return key
