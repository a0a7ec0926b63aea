"""The REST interface of locations, floor plans and positions."""
