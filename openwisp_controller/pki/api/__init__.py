"""The REST interface of certification authorities and certificates."""
