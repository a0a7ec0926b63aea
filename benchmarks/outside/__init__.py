"""What operations cost from outside: CPU of all processes, PostgreSQL and Redis included."""
