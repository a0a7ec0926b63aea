"""From inputs (configuration, templates, variables) to revisions, and which of them devices may fetch."""
