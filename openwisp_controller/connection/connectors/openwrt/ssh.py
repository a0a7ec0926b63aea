"""OpenWrt devices with the OpenWISP agent."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable

from packaging.version import Version

from ...exceptions import DeviceBusy
from ...loop import run
from ..ssh import Ssh

logger = logging.getLogger(__name__)
VERSION = "(openwisp-config --version || openwisp_config --version) 2>/dev/null"
BUSY = 75
"""Exit status of ``WAKE`` when the agent cannot be told right now (``EX_TEMPFAIL`` of sysexits.h)."""
_TELL_AGENT = """
[ -f /tmp/openwisp/applying_conf ] && exit 75
number=$(kill -l {signal} 2>/dev/null)
case "$number" in ''|*[!0-9]*) number={number};; esac
found= told=
for file in $(grep -ls 'openwisp.config' /proc/[0-9]*/cmdline); do
    process=${{file%/cmdline}}
    set -- $({{ tr '\\0' '\\n' <"$file"; }} 2>/dev/null | head -n 2)
    case "$1" in
        *openwisp-config|*openwisp_config) ;;
        sh|*/sh|ash|*/ash|dash|*/dash|bash|*/bash|busybox|*/busybox)
            case "$2" in *openwisp-config|*openwisp_config) ;; *) continue;; esac;;
        *) continue;;
    esac
    found=1
    caught=$(sed -n 's/^SigCgt:[^0-9a-f]*//p' "$process/status" 2>/dev/null)
    caught=${{caught#"${{caught%????????}}"}}
    [ -n "$caught" ] && [ $(( (0x$caught >> (number - 1)) & 1 )) -eq 1 ] || continue
    kill -SIG{signal} "${{process#/proc/}}" && told=1
done
[ -n "$told" ] && exit 0
[ -n "$found" ] && exit 75
echo 'The agent (openwisp-config) is not running.' >&2
exit 1
"""
WAKE = _TELL_AGENT.format(signal="USR1", number=10).strip()
"""Lets the agent look for a new configuration: the agent alone, and only while it waits for the signal.

An agent that has not set its trap yet would be killed by the signal, and one that applies a configuration ignores it.
"""
REFETCH = _TELL_AGENT.format(signal="USR2", number=12).strip()
"""Lets the agent forget what it fetched last, so that it fetches and reports again."""
APPLYING = "test -f /tmp/openwisp/applying_conf"
RESTART = "/etc/init.d/openwisp_config restart"
_SIGNALS_SINCE = Version("0.6.0a")


class OpenWrt(Ssh):
    """Tells the agent that there is something to fetch; reboots; changes passwords."""

    def update_config(self) -> None:
        """Make the agent look for a new configuration now.

        Raises:
            CommandFailedException: the agent is not there or cannot be told.
            DeviceBusy: it cannot be told right now.
        """
        run(self.aupdate_config())

    def refetch_config(self) -> None:
        """Make the agent fetch its configuration again, and report again, even if it has the one that is released.

        Raises:
            CommandFailedException: the agent is not there or cannot be told.
            DeviceBusy: it cannot be told right now.
        """
        run(self.arefetch_config())

    def reboot(self) -> tuple[str, int]:
        """Reboot the device; return output and exit status. That the connection breaks is a success."""
        return run(self.areboot())

    def change_password(self, password: str, confirm_password: str, user: str = "root") -> tuple[str, int]:
        """Change the password of an account on the device; return output and exit status."""
        return run(self.achange_password(password, confirm_password, user))

    async def aupdate_config(self) -> None:
        await self._tell_agent(WAKE)

    async def arefetch_config(self) -> None:
        await self._tell_agent(REFETCH)

    async def _tell_agent(self, command: str) -> None:
        if await self._agent_version() >= _SIGNALS_SINCE:
            _, status = await self.aexec_command(command, exit_codes=(0, BUSY))
            if status == BUSY:
                raise DeviceBusy("The agent is starting, or applying a configuration.")
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
