"""Tables of devices in files: reading and writing them, and what a row of them means."""
