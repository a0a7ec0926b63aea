"""What happens to devices: enrolment, life cycle, the history of their configurations."""
