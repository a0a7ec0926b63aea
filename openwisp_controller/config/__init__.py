"""The heart of the controller: devices, templates, groups and their configurations."""
