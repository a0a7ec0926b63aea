"""What the controller's operations cost; ``python -m benchmarks`` prints one table."""
