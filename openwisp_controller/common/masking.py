"""What stands in the place of a secret that somebody may not see."""

#: Sent back, it stands for what is stored.
MASK = "********"
