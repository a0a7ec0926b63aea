"""Keys of WireGuard: X25519, raw, in base64 (44 characters)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey


def new_pair() -> tuple[str, str]:
    """Return a new private key and its public key."""
    key = X25519PrivateKey.generate()
    return b64encode(key.private_bytes_raw()).decode(), b64encode(key.public_key().public_bytes_raw()).decode()


def public_key_of(private_key: str) -> str:
    """Return the public key that belongs to a private one.

    Raises:
        ValueError: it is no key of 32 bytes in base64.
    """
    try:
        raw = b64decode(private_key, validate=True)
    except Error as error:
        raise ValueError(str(error)) from None
    return b64encode(X25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()).decode()
