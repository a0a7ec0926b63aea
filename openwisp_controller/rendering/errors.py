"""What can go wrong between NetJSON and the archive, said in words for the operator."""

from __future__ import annotations


class RenderingError(Exception):
    """The configuration cannot be rendered; ``message`` says what is wrong and where."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UnknownBackend(RenderingError):
    """The dotted path of a backend leads nowhere usable."""

    def __init__(self, path: str, reason: object) -> None:
        super().__init__(f'Error while importing "{path}": {reason}')
        self.path = path


class InvalidConfiguration(RenderingError):
    """The configuration breaks its schema.

    ``path`` leads to the offending value (keys and list indexes, empty for the whole configuration),
    ``detail`` is the validator's own text, ``message`` joins both.
    """

    def __init__(self, detail: str, path: tuple[str | int, ...] = ()) -> None:
        pointer = "/".join(str(step) for step in path)
        super().__init__(f'Invalid configuration triggered by "#/{pointer}", validator says:\n\n{detail}')
        self.path = path
        self.detail = detail


class UnreadableConfiguration(InvalidConfiguration):
    """The configuration obeys its schema, but the device would refuse or misread what becomes of it.

    ``found`` is the name or value at fault, see :class:`Unwritable`.
    """

    def __init__(self, detail: str, path: tuple[str | int, ...], found: str) -> None:
        super().__init__(detail, path)
        self.found = found


class Unwritable(RenderingError):
    """What the configuration says cannot be written in the language of the device.

    Raised where it is written; a stack makes an :class:`UnreadableConfiguration` of it, which knows the place.
    ``found`` is the name or value at fault, as far as one is: what to look for in the NetJSON.
    """

    def __init__(self, message: str, found: str = "") -> None:
        super().__init__(message)
        self.found = found
