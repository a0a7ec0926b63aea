"""Keys of WireGuard (X25519, raw, in base64: 44 characters), and the Diffie-Hellman group of OpenVPN."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

#: The 2048 bit group "ffdhe2048" of RFC 7919: as safe as one of our own, without minutes of search.
_FFDHE2048 = """-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""


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


def standard_dh(length: int) -> str:
    """Return the Diffie-Hellman group of RFC 7919 with ``length`` bits, in PEM.

    Raises:
        ValueError: only 2048 bits are at hand.
    """
    if length != 2048:
        raise ValueError(f"There is no standard group of {length} bits here, 2048 is.")
    return _FFDHE2048
