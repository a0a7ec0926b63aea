"""WHOIS: what is looked up, when, and what follows; the service is a real one at the loopback address."""
