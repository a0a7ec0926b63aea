"""Making keys and certificates. Keys are costly, so they can be made ahead, outside of any transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from .models import Ca, Cert

_NS_CERT_TYPE = x509.ObjectIdentifier("2.16.840.1.113730.1.1")
_COMMON_NAME = x509.oid.NameOID.COMMON_NAME
_NS_COMMENT = x509.ObjectIdentifier("2.16.840.1.113730.1.13")
_CERTIFICATE_TYPES = {
    "client": 0x80, "server": 0x40, "email": 0x20, "objsign": 0x10, "sslca": 0x04, "emailca": 0x02, "objca": 0x01,
}  # fmt: skip
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_CURVES: dict[str, ec.EllipticCurve] = {"256": ec.SECP256R1(), "384": ec.SECP384R1(), "521": ec.SECP521R1()}
_RSA = ("1024", "2048", "4096")
_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


@dataclass(frozen=True, slots=True)
class Signing:
    """How an object that is not signed yet gets its key and certificate when it is cleaned or saved."""

    key: PrivateKey | None = field(default=None, repr=False)
    """Made ahead; None = it is made then."""
    in_background: bool = False
    """A key that takes long is made in the background once the object is stored."""


def is_safe(digest: str) -> bool:
    """Tell whether certificates can be signed with a digest; SHA-1 is only known from imported ones."""
    return digest in _DIGESTS


def safe(digest: str) -> str:
    """Return a digest to sign with in the place of one that an imported certificate has."""
    return digest if is_safe(digest) else "sha256"


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
    subject.digest = safe(subject.digest)
    certificate = builder.sign(signing_key, _DIGESTS[subject.digest])
    subject.certificate = certificate.public_bytes(serialization.Encoding.PEM).decode()
    subject.private_key = _pem(key, subject.passphrase)
    for cached in ("x509", "x509_text", "pkey", "_signing_key"):
        subject.__dict__.pop(cached, None)


def imported(certificate: str) -> tuple[str, str]:
    """Return the common name in a certificate, PEM, and the length of its elliptic key; empty what it has not."""
    try:
        found = x509.load_pem_x509_certificate(certificate.encode())
        key = found.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "", ""
    names = found.subject.get_attributes_for_oid(_COMMON_NAME)
    length = str(key.curve.key_size) if isinstance(key, ec.EllipticCurvePublicKey) else ""
    return str(names[0].value) if names else "", length if length in _CURVES else ""


def certificate_type(value: str) -> x509.UnrecognizedExtension:
    """Return the Netscape certificate type, which OpenVPN and OpenSSL look at.

    Args:
        value: names separated by commas, such as ``client`` or ``server``.

    Raises:
        ValidationError: a name is not known, or there is none.
    """
    names = [name.strip().lower() for name in str(value).split(",") if name.strip()]
    unknown = [name for name in names if name not in _CERTIFICATE_TYPES]
    if unknown or not names:
        raise ValidationError(_("Unsupported nsCertType value: %s") % (unknown[0] if unknown else value))
    bits = 0
    for name in names:
        bits |= _CERTIFICATE_TYPES[name]
    unused = (bits & -bits).bit_length() - 1  # trailing zeros do not count as bits (X.690, 11.2.2)
    return x509.UnrecognizedExtension(_NS_CERT_TYPE, bytes([0x03, 0x02, unused, bits]))


def comment(value: str) -> x509.UnrecognizedExtension:
    """Return the Netscape comment, a text of at most 255 ASCII characters.

    Raises:
        ValidationError: it is empty, too long, or has other characters.
    """
    if not value:
        raise ValidationError(_("nsComment extension requires a value."))
    if not value.isascii():
        raise ValidationError(_("nsComment may hold ASCII characters only."))
    if len(value) > 255:
        raise ValidationError(_("nsComment value exceeds maximum length of 255 bytes"))
    length = bytes([len(value)]) if len(value) < 128 else bytes([0x81, len(value)])  # X.690, 8.1.3
    return x509.UnrecognizedExtension(_NS_COMMENT, b"\x16" + length + value.encode())


def _pem(key: PrivateKey, passphrase: str) -> str:
    formats = serialization.PrivateFormat
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    elliptic = isinstance(key, ec.EllipticCurvePrivateKey)
    style = formats.PKCS8 if elliptic else formats.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, style, encryption).decode()
