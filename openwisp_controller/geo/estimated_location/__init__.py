"""Where devices probably are: what is known about their addresses tells, until somebody knows better."""
