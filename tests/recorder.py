"""Makes every emission observable: signal, sender and arguments, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from django.dispatch import Signal


@dataclass
class Emitted:
    """One emission. ``seen`` holds what the receiver saw of the instance at that moment."""

    name: str
    sender: Any
    arguments: dict[str, Any]
    seen: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.arguments[name]
        except KeyError:
            raise AttributeError(name) from None


class SignalRecorder:
    """Connects to all public signals while open; ``names`` lists what was sent."""

    def __init__(self) -> None:
        self.emitted: list[Emitted] = []
        self._receivers: list[tuple[Signal, Any]] = []

    @property
    def names(self) -> list[str]:
        return [emission.name for emission in self.emitted]

    def of(self, name: str) -> list[Emitted]:
        return [emission for emission in self.emitted if emission.name == name]

    def only(self, name: str) -> Emitted:
        (emission,) = self.of(name)
        return emission

    def clear(self) -> None:
        self.emitted.clear()

    def __enter__(self) -> Self:
        from openwisp_controller.config import signals

        for name, signal in vars(signals).items():
            if isinstance(signal, Signal):
                receiver = self._receiver(name)
                signal.connect(receiver, weak=False)
                self._receivers.append((signal, receiver))
        return self

    def __exit__(self, *error: Any) -> None:
        for signal, receiver in self._receivers:
            signal.disconnect(receiver)

    def _receiver(self, name: str) -> Any:
        def receive(sender: Any, signal: Any, **arguments: Any) -> None:
            instance = arguments.get("instance")
            seen = {"status": getattr(instance, "__dict__", {}).get("status")}
            self.emitted.append(Emitted(name, sender, arguments, seen))

        return receive
