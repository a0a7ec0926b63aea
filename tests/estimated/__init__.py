"""Estimated locations: what a lookup tells of the place of a device."""
