"""What connectors raise."""

from ..exceptions import CommandFailedException, CommandTimeoutException, ConnectionFailed, HostKeyChanged

__all__ = ["CommandFailedException", "CommandTimeoutException", "ConnectionFailed", "HostKeyChanged"]
