"""What a check of an installation finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Weight(Enum):
    """What follows from a problem."""

    ERROR = "MISSING"
    """The controller cannot work."""
    WARNING = "WARNING"
    """It works, but not as it should for others than those who try it out."""
    REMARK = "absent"
    """Only what needs it does not work."""


@dataclass(frozen=True)
class Finding:
    """The result of one check; ``problem`` is empty when all is well, else what is wrong and the mend."""

    name: str
    problem: str = ""
    weight: Weight = Weight.ERROR
