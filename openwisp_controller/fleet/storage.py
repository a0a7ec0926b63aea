"""What a virtual device keeps when its agent or its power goes: credentials, checksum, configuration."""

from __future__ import annotations

from dataclasses import dataclass, field

from .archive import UCI_DIRECTORY, Content, ExtraFile
from .uci import UciPackage, dump, merge, parse

_FACTORY_PACKAGES = {
    "system": "config system 'system'\n\toption hostname 'OpenWrt'\n\toption timezone 'UTC'\n",
    "network": (
        "config interface 'loopback'\n\toption device 'lo'\n\toption proto 'static'\n"
        "\toption ipaddr '127.0.0.1'\n\n"
        "config interface 'wan'\n\toption device 'eth0'\n\toption proto 'dhcp'\n"
    ),
}


@dataclass(frozen=True)
class Credentials:
    """What registration gave the device: uuid (32 hexadecimal digits) and key."""

    uuid: str
    key: str


def factory_content() -> Content:
    """Return what a freshly flashed device has before a controller says anything."""
    packages = {name: parse(text, name) for name, text in _FACTORY_PACKAGES.items()}
    return Content(packages, {"etc/banner": ExtraFile(b"OpenWrt\n")})


@dataclass(frozen=True)
class Snapshot:
    """A backup of the configuration of a device."""

    remote: Content
    checksum: str | None


@dataclass
class Storage:
    """The flash memory of one device.

    The configuration in force is what the device had before plus, laid upon it, what the controller sent
    last. So whatever the controller no longer sends is gone, and what it had covered is back, without any
    bookkeeping.
    """

    secret: str | None
    credentials: Credentials | None = None
    checksum: str | None = None
    factory: Content = field(default_factory=factory_content)
    remote: Content = field(default_factory=Content)

    @property
    def packages(self) -> dict[str, UciPackage]:
        """The UCI packages in force, by name."""
        merged = dict(self.factory.packages)
        for name, package in self.remote.packages.items():
            merged[name] = merge(merged[name], package) if name in merged else package
        return merged

    @property
    def files(self) -> dict[str, ExtraFile]:
        """All files in force, by path without leading slash; UCI packages as the text in ``etc/config``."""
        packages = {
            f"{UCI_DIRECTORY}{name}": ExtraFile(dump(package).encode()) for name, package in self.packages.items()
        }
        return {**self.factory.files, **self.remote.files, **packages}

    def enrol(self, credentials: Credentials) -> None:
        """Keep the credentials and erase the shared secret, which is of no use any more."""
        self.credentials = credentials
        self.secret = None

    def backup(self) -> Snapshot:
        """Return what ``restore`` needs to undo whatever is applied after this moment."""
        return Snapshot(self.remote, self.checksum)

    def apply(self, content: Content) -> None:
        """Put the content of an archive into force, in place of the one before."""
        self.remote = content

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a backup."""
        self.remote = snapshot.remote
        self.checksum = snapshot.checksum
