"""How the controller reaches devices: credentials, connections, push, commands, live updates."""
