"""Which templates configurations have: the rules, and editing them for many devices at once."""
