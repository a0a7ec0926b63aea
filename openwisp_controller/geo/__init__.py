"""Where devices are: locations, floor plans and positions on them."""
