"""Ways of talking to devices. Their dotted paths and their interface are public: see ``docs/how-to/reach-devices.md``."""
