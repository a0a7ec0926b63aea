"""What the REST interfaces of all apps have in common."""
