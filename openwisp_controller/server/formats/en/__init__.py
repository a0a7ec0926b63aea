"""How dates are written on all pages: the same everywhere, sortable, 24 hours."""
