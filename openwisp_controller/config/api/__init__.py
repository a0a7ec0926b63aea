"""The REST interface of devices, templates, groups and VPN servers."""
