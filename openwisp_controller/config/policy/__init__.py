"""What a change means: the table of changes, its evaluation, the phases of a unit of work, the steps of jobs."""
