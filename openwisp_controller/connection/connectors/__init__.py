"""Ways of talking to devices. Paths and interface are public: see ``docs/how-to/reach-devices.md``."""
