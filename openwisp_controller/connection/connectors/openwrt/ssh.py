"""OpenWrt devices with the OpenWISP agent."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable

from packaging.version import Version

from ...loop import run
from ..ssh import Ssh

logger = logging.getLogger(__name__)
VERSION = "(openwisp-config --version || openwisp_config --version) 2>/dev/null"
WAKE = (
    "OW_CONFIG_PID=$(ps | grep openwisp | grep config | grep -v \"grep\" | awk '{print $1}');"
    " kill -SIGUSR1 $OW_CONFIG_PID"
)
APPLYING = "test -f /tmp/openwisp/applying_conf"
RESTART = "/etc/init.d/openwisp_config restart"
_SIGNALS_SINCE = Version("0.6.0a")


class OpenWrt(Ssh):
    """Tells the agent that there is something to fetch; reboots; changes passwords."""

    def update_config(self) -> None:
        """Make the agent look for a new configuration now.

        Raises:
            CommandFailedException: the agent is not there or cannot be told.
        """
        run(self.aupdate_config())

    def reboot(self) -> tuple[str, int]:
        """Reboot the device; return output and exit status. That the connection breaks is a success."""
        return run(self.areboot())

    def change_password(self, password: str, confirm_password: str, user: str = "root") -> tuple[str, int]:
        """Change the password of an account on the device; return output and exit status."""
        return run(self.achange_password(password, confirm_password, user))

    async def aupdate_config(self) -> None:
        if await self._agent_version() >= _SIGNALS_SINCE:
            await self.aexec_command(WAKE)
            return
        _, status = await self.aexec_command(APPLYING, exit_codes=(0, 1))
        if status == 0:
            logger.info("Configuration already being applied")
            return
        await self.aexec_command(RESTART)

    async def areboot(self, on_output: Callable[[str], None] | None = None) -> tuple[str, int]:
        output, status = await self.aexec_command("reboot", raise_unexpected_exit=False, on_output=on_output)
        return output, 0 if status == -1 else status

    async def achange_password(
        self, password: str, confirm_password: str, user: str = "root", on_output: Callable[[str], None] | None = None
    ) -> tuple[str, int]:
        # over the standard input: it is no argument of any process and cannot end a quotation
        return await self.aexec_command(
            f"passwd {shlex.quote(user)}",
            raise_unexpected_exit=False,
            stdin=f"{password}\n{confirm_password}\n".encode(),
            on_output=on_output,
        )

    async def _agent_version(self) -> Version:
        try:
            output, _ = await self.aexec_command(VERSION)
            return Version(output.strip().split(" ")[-1])
        except Exception:
            logger.error("Unable to get version of openwisp-config")
            raise


class OpenWisp1(Ssh):
    """Legacy devices: they are only known, not told anything."""

    def update_config(self) -> None:
        """Do nothing: these devices look for themselves."""

    async def aupdate_config(self) -> None:
        """Do nothing."""
