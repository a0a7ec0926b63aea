"""Locations, floor plans and positions of devices."""
