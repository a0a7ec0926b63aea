"""SNMP credentials of OpenWrt devices."""

from ..snmp import Snmp


class OpenWRTSnmp(Snmp):
    """Validates and stores."""
