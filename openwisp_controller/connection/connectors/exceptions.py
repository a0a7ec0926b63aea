"""What connectors raise."""


class CommandFailedException(Exception):
    """A remote command ended with an unexpected exit status; the text is its output."""


class CommandTimeoutException(Exception):
    """A remote command did not end in time."""


class ConnectionFailed(OSError):
    """A device could not be reached or refused us; the text says why."""


class HostKeyChanged(ConnectionFailed):
    """A device did not identify itself with the key that it is known by."""
