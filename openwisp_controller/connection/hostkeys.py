"""Policy of SSH host keys."""

from __future__ import annotations

from dataclasses import dataclass

import asyncssh

from .exceptions import HostKeyChanged


def fingerprint(key: str) -> str:
    """Return the SHA-256 fingerprint of a public key in OpenSSH's format; empty for an empty text."""
    return asyncssh.import_public_key(key).get_fingerprint() if key else ""


@dataclass
class HostKeyPolicy:
    """Accepts or refuses the host key of one device, and stores which key it presented.

    Args:
        mode: "first-use", "strict" or "off".
        pinned: the accepted key in OpenSSH's format; empty = none yet.
    """

    mode: str = "off"
    pinned: str = ""
    foreign: frozenset[str] = frozenset()
    """Keys by which devices of other organizations are known: they are never those of this device."""
    shown: str = ""
    """The key that the device showed last."""
    refused: bool = False
    is_foreign: bool = False

    def accepts(self, key: asyncssh.SSHKey) -> bool:
        """Tell whether to go on with a device that shows ``key``."""
        self.shown = key.export_public_key().decode().strip()
        known = without_comment(self.shown) == without_comment(self.pinned)
        self.is_foreign = not known and without_comment(self.shown) in self.foreign
        self.refused = self.is_foreign or not (
            self.mode == "off" or known or (self.mode == "first-use" and not self.pinned)
        )
        return not self.refused

    @property
    def to_pin(self) -> str:
        """The key to remember after an attempt; empty = nothing new."""
        return self.shown if self.mode == "first-use" and not self.pinned and not self.refused else ""

    @property
    def preferred_algorithms(self) -> list[str]:
        """Algorithms that ask for the pinned key of a device with several."""
        if not self.pinned or self.mode == "off":
            return []
        kind = self.pinned.split()[0]
        return ["rsa-sha2-256", "rsa-sha2-512", "ssh-rsa"] if kind == "ssh-rsa" else [kind]

    def error(self) -> HostKeyChanged:
        """Return the error to raise when the key was refused."""
        if self.is_foreign:
            return HostKeyChanged(
                f"The host key {fingerprint(self.shown)} is that of a device of another organization: what"
                " answers at this address is not this device. Correct its management address."
            )
        if not self.pinned:
            return HostKeyChanged(
                f"The host key of the device has not been accepted yet: {fingerprint(self.shown)}."
                " Compare it with the device and accept it."
            )
        return HostKeyChanged(
            f"The host key of the device changed: expected {fingerprint(self.pinned)}, got {fingerprint(self.shown)}."
            " Somebody may be impersonating the device. Accept the new key only if you know why it changed."
        )


def without_comment(key: str) -> str:
    """Return the key in OpenSSH's format without its comment."""
    return " ".join(key.split()[:2])
