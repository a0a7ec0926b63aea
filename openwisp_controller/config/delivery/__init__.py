"""Delivering what a change leads to: the order of signals, the outbox, the queue of jobs."""
