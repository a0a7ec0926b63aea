"""What a virtual device keeps when its agent or its power goes: credentials, checksum, configuration."""

from __future__ import annotations

from dataclasses import dataclass, field

from .archive import UCI_DIRECTORY, Content, ExtraFile
from .uci import UciPackage, dump, merge

FACTORY = Content(
    {
        "system": "config system 'system'\n\toption hostname 'OpenWrt'\n\toption timezone 'UTC'\n",
        "network": (
            "config interface 'loopback'\n\toption device 'lo'\n\toption proto 'static'\n"
            "\toption ipaddr '127.0.0.1'\n\n"
            "config interface 'wan'\n\toption device 'eth0'\n\toption proto 'dhcp'\n"
        ),
    },
    {"etc/banner": ExtraFile(b"OpenWrt\n")},
)
"""What a freshly flashed device has before a controller says anything."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What registration gave the device: uuid (32 hexadecimal digits) and key."""

    uuid: str
    key: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A backup of the configuration of a device."""

    remote: Content
    checksum: str | None


@dataclass(slots=True)
class Storage:
    """The flash memory of one device.

    The configuration in force is ``local``, what the device has by itself, and laid upon it ``remote``, what the
    controller sent last: option by option, or with ``overwrite`` file by file. So whatever the controller no
    longer sends is gone, and what it had covered is back.

    ``checksum`` names the archive that is in force and reported; None while that is uncertain.
    ``current_status`` is what the controller answered to the last report.
    """

    secret: str | None
    credentials: Credentials | None = None
    checksum: str | None = None
    local: Content = FACTORY
    remote: Content = field(default_factory=Content)
    overwrite: bool = False
    current_status: str = ""

    @property
    def packages(self) -> dict[str, UciPackage]:
        """The UCI packages in force, by name."""
        merged = self.local.packages
        for name, package in self.remote.packages.items():
            merged[name] = merge(merged[name], package) if name in merged and not self.overwrite else package
        return merged

    @property
    def files(self) -> dict[str, ExtraFile]:
        """All files in force, by path without leading slash; UCI packages as the text in ``etc/config``."""
        packages = {
            f"{UCI_DIRECTORY}{name}": ExtraFile(dump(package).encode()) for name, package in self.packages.items()
        }
        return {**self.local.files, **self.remote.files, **packages}

    def enrol(self, credentials: Credentials) -> None:
        """Keep the credentials and erase the shared secret, which is of no use any more."""
        self.credentials = credentials
        self.secret = None

    def backup(self) -> Snapshot:
        """Return what ``restore`` needs to undo whatever is applied after this moment."""
        return Snapshot(self.remote, self.checksum)

    def apply(self, content: Content) -> bool:
        """Put the content of an archive into force, in place of the one before; return whether they differ.

        What is in force counts as uncertain from here on: an update that is interrupted is repeated.
        """
        changed = not content.same_as(self.remote)
        self.remote, self.checksum = content, None
        return changed

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a backup."""
        self.remote = snapshot.remote
        self.checksum = snapshot.checksum
