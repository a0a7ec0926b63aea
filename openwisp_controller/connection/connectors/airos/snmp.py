"""SNMP credentials of AirOS devices."""

from ..snmp import Snmp


class AirOsSnmp(Snmp):
    """Validates and stores."""
