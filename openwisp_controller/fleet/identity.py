"""Who a virtual device is: hostname, MAC, inventory, address, key; all of it a function of seed and number."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_MODELS = (
    ("TP-Link Archer C7 v5", "Qualcomm Atheros QCA956X ver 1 rev 0"),
    ("TP-Link TL-WDR4300 v1", "Atheros AR9344 rev 2"),
    ("Ubiquiti UniFi AC Mesh", "Qualcomm Atheros QCA956X ver 1 rev 0"),
    ("Ubiquiti NanoStation M5 XW", "Atheros AR9342 rev 2"),
    ("GL.iNet GL-MT1300", "MediaTek MT7621 ver:1 eco:3"),
    ("Linksys WRT1900ACS", "ARMv7 Processor rev 1 (v7l)"),
    ("Xiaomi Mi Router 4A Gigabit Edition", "MediaTek MT7621 ver:1 eco:3"),
    ("MikroTik RouterBOARD wAP G-5HacT2HnD", "Qualcomm Atheros QCA9556 ver 1 rev 0"),
)
_SYSTEMS = ("OpenWrt 23.05.3 r23809-234f1a2efa", "OpenWrt 23.05.5 r24106-10cc5fcd00")
_HOSTS_PER_SUBNET = 254


@dataclass(frozen=True, slots=True)
class Identity:
    """What does not change while a device lives. ``mac_address`` is upper-case with colons.

    ``default_hostname`` is the agent's setting of that name: a hostname that means "has none of its own".
    """

    hostname: str
    mac_address: str
    model: str
    os: str
    system: str
    management_ip: str
    hardware_id: str = ""
    tags: str = ""
    default_hostname: str = ""

    @property
    def name(self) -> str:
        """The name the device registers with: its hostname, or its MAC address when it has a default one."""
        is_default = self.hostname.lower() in ("", "openwrt") or self.default_hostname in ("*", self.hostname)
        return self.mac_address if is_default else self.hostname

    def key(self, secret: str) -> str:
        """Return the consistent key: 32 hexadecimal digits, a function of this device and the secret."""
        return consistent_key(self.hardware_id or self.mac_address, secret)


def consistent_key(base: str, secret: str) -> str:
    """Return ``md5(base + "+" + secret)`` in hexadecimal; base is the hardware id or the MAC as printed."""
    return hashlib.md5(f"{base}+{secret}".encode(), usedforsecurity=False).hexdigest()


def make_identity(
    number: int,
    seed: int = 1,
    name_prefix: str = "device",
    tags: str = "",
    *,
    has_hostname: bool = True,
    has_hardware_id: bool = False,
) -> Identity:
    """Make up the device with a number, from 1 up to 16 million; different seeds make up different devices.

    Names read ``<prefix>-0001``, unless the device has no hostname of its own; MACs are locally administered
    unicast addresses; addresses come from 10.0.0.0/8.
    """
    maker = hashlib.sha256(f"fleet {seed}".encode()).digest()
    # Odd, so that the multiplication is a bijection on 24 bits and no two numbers share a MAC.
    scrambled = number * 0x9E3779 & 0xFFFFFF
    octets = bytes([maker[0] & 0xFC | 0x02, maker[1], maker[2]]) + scrambled.to_bytes(3, "big")
    model, system = _MODELS[number % len(_MODELS)]
    return Identity(
        hostname=f"{name_prefix}-{number:04d}" if has_hostname else "OpenWrt",
        mac_address=octets.hex(":").upper(),
        model=model,
        os=_SYSTEMS[number % len(_SYSTEMS)],
        system=system,
        management_ip=_management_ip(number - 1, maker[3]),
        hardware_id=f"SN-{maker[4:8].hex()}-{number:08d}" if has_hardware_id else "",
        tags=tags,
    )


def _management_ip(index: int, offset: int) -> str:
    subnet, host = divmod(index, _HOSTS_PER_SUBNET)
    return f"10.{(offset + (subnet >> 8)) % 256}.{subnet & 0xFF}.{host + 1}"
