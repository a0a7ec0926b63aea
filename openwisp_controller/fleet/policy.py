"""How patient an agent is: intervals, attempts and pauses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from .seeded_random import SeededRandom

Pause = tuple[float, float]  # a random pause between two bounds, in seconds


@dataclass(frozen=True)
class AgentPolicy:
    """All times in seconds. The defaults keep the agent's counts and shorten its pauses; see ``shipped``."""

    interval: float = 120.0
    attempts: int = 10
    retry_pause: Pause = (0.2, 1.0)
    update_info_pause: float = 0.5
    missing_retries: int = 5
    missing_pause: Pause = (0.2, 0.5)
    test_attempts: int = 10
    test_pause: Pause = (0.2, 1.0)
    settle: float = 0.0
    max_mismatches: int = 2
    restarts: int = 5
    restart_pause: float = 1.0
    restart_threshold: float = 3600.0
    boot_pause: float = 0.5

    @property
    def register_pause(self) -> float:
        """Between two attempts to register."""
        return self.interval / 4

    @classmethod
    def shipped(cls, interval: float = 120.0) -> Self:
        """Return the pauses of the agent as it is shipped, for runs that have hours."""
        return cls(
            interval=interval,
            retry_pause=(2.0, 15.0),
            update_info_pause=2.0,
            missing_pause=(8.0, 21.0),
            test_pause=(5.0, 20.0),
            settle=5.0,
            restart_pause=5.0,
            boot_pause=45.0,
        )


def draw(pause: Pause, random: SeededRandom) -> float:
    """Return a random length within the bounds of a pause, in seconds."""
    return random.between("pause", *pause)
