"""Connectors of OpenWrt."""
