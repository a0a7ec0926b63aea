"""The REST interface of credentials, connections and commands."""
