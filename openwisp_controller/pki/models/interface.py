"""Methods that the field knows on models and that are use cases: each calls one function.

This is the only module where models look upward, so it alone imports inside functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from ..issuing import PrivateKey
    from .ca import Ca


class CaInterface:
    """What can be done with a CA, in the words of django-x509."""

    def renew(self, key: PrivateKey | None = None) -> None:
        """Give the CA a new key and certificate; the certificates that it signed follow.

        Args:
            key: made ahead by the caller.
        """
        from ..renewal import renew_ca

        renew_ca(cast("Ca", self), key)
