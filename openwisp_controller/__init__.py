"""Network controller for fleets of OpenWrt routers."""

__version__ = "1.3.100"
