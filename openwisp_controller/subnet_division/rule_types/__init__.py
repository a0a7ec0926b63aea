"""Types of subnet division rules: when something is provisioned, and for what."""
