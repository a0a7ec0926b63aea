"""The HTTP protocol that devices speak: enrol, poll the checksum, download, report."""
