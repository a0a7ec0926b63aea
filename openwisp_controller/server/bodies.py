"""Reading the bodies of requests before anybody is kept busy with them: within limits of size and time."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import IO

from . import environment

_IN_MEMORY = 64 * 1024
_WITH_BODY = ("POST", "PUT", "PATCH")


class BodyRefused(Exception):
    """A request is not answered by the application. ``status`` and ``text`` tell the client why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


@dataclass(frozen=True)
class BodyLimits:
    """What a body may be like.

    Args:
        size: bytes at most.
        patience: seconds that a body may take, however small it is.
        rate: bytes each of which buys more time: so many of them a second.
    """

    size: int
    patience: float = 20.0
    rate: float = 8 * 1024

    @classmethod
    def from_environment(cls) -> BodyLimits:
        """Return the limits of ``MAX_BODY_SIZE`` and ``MAX_BODY_SECONDS``."""
        return cls(max_body_size(), float(environment.number("MAX_BODY_SECONDS", 20, minimum=1)))

    def announced(self, content_length: str | None, *, method: str, version: str, is_chunked: bool) -> int:
        """Return how many bytes are to come.

        A body without an announced length is refused: when its client goes, nobody can tell half of it from the whole.

        Args:
            content_length: as announced; None = not at all.
            method: in capitals.
            version: of HTTP. Before 2, a request without length that is not in chunks has no body.
            is_chunked: the body comes in chunks.

        Raises:
            BodyRefused: it is unknown, more than may come, or no number.
        """
        if is_chunked or (content_length is None and version[0] > "1" and method in _WITH_BODY):
            raise BodyRefused(411, "error: send the length of the request with it, not in chunks\n")
        if content_length is None:
            return 0
        if not content_length.isascii() or not content_length.isdigit():
            raise BodyRefused(400, "error: Content-Length is no number\n")
        announced = int(content_length)
        if announced > self.size:
            raise self._too_large()
        return announced

    async def read(self, chunks: AsyncIterable[bytes], announced: int) -> IO[bytes]:
        """Return the body, from its beginning.

        Args:
            chunks: parts of the body as they come.
            announced: how many bytes are to come.

        Raises:
            BodyRefused: it is too large or comes too slowly.
            ClientGone: it ended before it was complete.
        """
        body: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - who gets it closes it
        loop = asyncio.get_running_loop()
        start, size = loop.time(), 0
        try:
            async with asyncio.timeout_at(start + self.patience) as deadline:
                async for chunk in chunks:
                    size += len(chunk)
                    body.write(chunk)
                    deadline.reschedule(start + self.patience + size / self.rate)
            if size != announced:
                raise ClientGone
        except TimeoutError:
            body.close()
            raise BodyRefused(408, "error: the request did not arrive in time\n") from None
        except BaseException:
            body.close()
            raise
        body.seek(0)
        return body

    def _too_large(self) -> BodyRefused:
        return BodyRefused(413, f"error: the request carries more than {self.size} bytes\n")


def max_body_size() -> int:
    """Return how many bytes a request may carry."""
    return environment.number("MAX_BODY_SIZE", 10 * 1024 * 1024, minimum=1024)
