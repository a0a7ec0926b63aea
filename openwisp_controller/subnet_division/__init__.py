"""Subnet division: hands out subnets and addresses to devices and VPN clients by rules."""
