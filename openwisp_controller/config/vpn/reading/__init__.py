"""What can be asked about VPN servers and their clients; nothing here writes."""
