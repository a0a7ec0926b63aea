"""Administration pages of locations and floor plans, and what the pages of devices show of them."""

from .device import DeviceLocationInline
from .locations import FloorPlanAdmin, LocationAdmin

__all__ = ["DeviceLocationInline", "FloorPlanAdmin", "LocationAdmin"]
