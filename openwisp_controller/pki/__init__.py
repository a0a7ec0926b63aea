"""Certificate authorities and certificates of organizations."""
