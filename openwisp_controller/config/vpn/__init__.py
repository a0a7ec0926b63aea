"""What VPN servers and their clients need: keys, certificates, addresses, peers, and being told of changes."""
