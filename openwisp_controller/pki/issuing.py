"""Making keys and certificates. Keys are costly, so they can be made ahead, outside of any transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from .models import Ca, Cert

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_CURVES: dict[str, ec.EllipticCurve] = {"256": ec.SECP256R1(), "384": ec.SECP384R1(), "521": ec.SECP521R1()}
_RSA = ("1024", "2048", "4096")
_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


def is_quick(key_length: str) -> bool:
    """Tell whether a key of this length may be made while somebody waits for it: elliptic curves, RSA up to 2048."""
    return key_length in _CURVES or key_length in _RSA[:2]


def new_key(key_length: str) -> PrivateKey:
    """Return a new private key.

    Args:
        key_length: bits, as in the field ``key_length``: 256, 384 and 521 are elliptic curves, the others RSA.

    Raises:
        ValidationError: no such length is supported.
    """
    if key_length in _CURVES:
        return ec.generate_private_key(_CURVES[key_length])
    if key_length in _RSA:
        return rsa.generate_private_key(public_exponent=65537, key_size=int(key_length))
    raise ValidationError({"key_length": _("Unsupported key length: %s") % key_length})


def issue(subject: Ca | Cert, key: PrivateKey) -> None:
    """Fill ``certificate`` and ``private_key`` of an unsigned object: signed by its CA, or by itself if it is one.

    Args:
        subject: with serial number, validity, names and extensions.
        key: its new private key.
    """
    ca: Ca | None = getattr(subject, "ca", None)
    if ca is not None:
        signing_key, issuer = ca.signing_key(), ca.x509.subject
    else:
        signing_key, issuer = key, subject._get_subject()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject._get_subject())
        .issuer_name(issuer)
        .serial_number(int(subject.serial_number))
        .not_valid_before(subject.validity_start)
        .not_valid_after(subject.validity_end)
        .public_key(key.public_key())
    )
    builder = subject._add_extensions(builder, key.public_key())
    certificate = builder.sign(signing_key, _DIGESTS.get(subject.digest, hashes.SHA256()))
    subject.certificate = certificate.public_bytes(serialization.Encoding.PEM).decode()
    subject.private_key = _pem(key, subject.passphrase)
    for cached in ("x509", "x509_text", "pkey", "_signing_key"):
        subject.__dict__.pop(cached, None)


def _pem(key: PrivateKey, passphrase: str) -> str:
    formats = serialization.PrivateFormat
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    elliptic = isinstance(key, ec.EllipticCurvePrivateKey)
    style = formats.PKCS8 if elliptic else formats.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, style, encryption).decode()
