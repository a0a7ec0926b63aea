"""Counters of the requests of a fleet, of constant size however long it runs."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from .events import Endpoint

_BASE = 1.02  # buckets 2 % wide: precise enough for a percentile
_SMALLEST = 0.01  # milliseconds


@dataclass(frozen=True)
class EndpointStats:
    """Answered requests to one endpoint: how many, and their latency in milliseconds."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float


@dataclass
class Latencies:
    """A histogram of latencies with logarithmic buckets."""

    count: int = 0
    total: float = 0.0
    largest: float = 0.0
    buckets: Counter[int] = field(default_factory=Counter)

    def add(self, milliseconds: float) -> None:
        """Count one request."""
        self.count += 1
        self.total += milliseconds
        self.largest = max(self.largest, milliseconds)
        self.buckets[math.ceil(math.log(max(milliseconds, _SMALLEST) / _SMALLEST, _BASE))] += 1

    def percentile(self, share: float) -> float:
        """Return the latency in ms, within 2 %, that the given share (0 to 1) of requests stay below."""
        wanted = share * self.count
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= wanted:
                return min(_SMALLEST * _BASE**bucket, self.largest)
        return self.largest

    def stats(self) -> EndpointStats:
        """Return the figures."""
        mean = self.total / self.count if self.count else 0.0
        p50, p95, p99 = (self.percentile(share) for share in (0.5, 0.95, 0.99))
        return EndpointStats(self.count, mean, p50, p95, p99, self.largest)


@dataclass
class Metrics:
    """Counts requests, failures and octets of answers of a fleet.

    ``requests`` is the sum of what was answered, ``failures`` (no answer came) and ``abandoned`` (the device was
    switched off while it waited; the controller may have received the request or not).
    """

    requests: int = 0
    failures: int = 0
    abandoned: int = 0
    bytes: int = 0
    latencies: dict[Endpoint, Latencies] = field(default_factory=dict)

    def answered(self, endpoint: Endpoint, milliseconds: float, size: int) -> None:
        """Count a request that was answered, with the size of the answer's body in octets."""
        self.requests += 1
        self.bytes += size
        self.latencies.setdefault(endpoint, Latencies()).add(milliseconds)

    def failed(self) -> None:
        """Count a request that got no answer."""
        self.requests += 1
        self.failures += 1

    def cut_off(self) -> None:
        """Count a request whose answer was not waited for."""
        self.requests += 1
        self.abandoned += 1

    def endpoints(self) -> dict[Endpoint, EndpointStats]:
        """Return the figures of each endpoint that answered at least once."""
        return {endpoint: self.latencies[endpoint].stats() for endpoint in Endpoint if endpoint in self.latencies}
