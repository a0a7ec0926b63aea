"""Connectors of Ubiquiti AirOS."""
