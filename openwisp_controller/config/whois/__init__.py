"""WHOIS: who provides the public addresses of devices, and where they are. Off unless it is configured."""
