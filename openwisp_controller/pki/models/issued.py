"""What certification authorities and certificates have in common: rules, signing, keys made in the background."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from cryptography import x509
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_x509.signals import x509_renewed

from ...common.encryption import EncryptedTextField
from ...common.pickling import SecretsNotPickled
from ...common.wakeup import wake
from .. import issuing, signals

_COMMON_NAME_BYTES = 64
_SERIAL_NUMBERS = 1 << 159
_EARLIEST = datetime(1950, 1, 1, tzinfo=UTC)
_NO_TEXT = re.compile(r"\\u0000|[\ud800-\udfff]")
"""Null characters and half characters, in JSON."""
_OWN_EXTENSIONS = {"nsCertType": issuing.certificate_type, "nsComment": issuing.comment}


class Issued(SecretsNotPickled):
    """What CAs and certificates have in common."""

    renewal_due = models.BooleanField(
        default=False, editable=False, help_text=_("A new key is to be made in the background.")
    )
    private_key = EncryptedTextField(
        blank=True, help_text=_("private key in X.509 PEM format; encrypted in the database")
    )
    passphrase = EncryptedTextField(
        max_length=64, blank=True, help_text=_("Passphrase for the private key, if present")
    )
    secret_fields = ("private_key", "passphrase")
    signing = issuing.Signing()
    """How it is signed; no field. Set before it is cleaned and saved the first time, forgotten when it is signed."""

    if TYPE_CHECKING:
        organization_id: uuid.UUID | None
        common_name: str
        extensions: Any
        digest: str
        country_code: str
        key_length: str
        serial_number: str
        certificate: str
        validity_start: datetime
        validity_end: datetime

    class Meta:
        abstract = True

    def clean(self) -> None:
        """Check every rule; raise ``ValidationError``."""
        super().clean()
        self._check_dates()
        if self._is_unsigned():
            self._check_what_is_signed()
        if not self._state.adding and self.organization_id is not None:
            self._check_users()
        if self.organization_id is None:
            everything: Any = type(self)._default_manager
            if everything.filter(organization=None, common_name=self.common_name).exclude(pk=self.pk).exists():
                raise self.unique_error_message(type(self), ("common_name", "organization"))

    def _check_users(self) -> None:
        """Refuse to leave those of other organizations who use it."""
        own = self.organization_id
        users = [getattr(self, name, None) for name in ("cert_set", "vpn_set")]
        foreign = any(each is not None and each.exclude(organization=own).exists() for each in users)
        client = getattr(self, "vpnclient", None)
        if foreign or (client is not None and client.config.device.organization_id != own):
            text = _("The organization cannot be changed while others use it: certificates, VPN servers or devices.")
            raise ValidationError({"organization": text})

    def _generate_if_needed(self) -> None:
        self._make_dates_aware()
        if self.signing.in_background and self._is_unsigned() and not issuing.is_quick(self.key_length):
            self.serial_number = self.serial_number or self._generate_serial_number()
            return
        try:
            super()._generate_if_needed()  # type: ignore[misc]
        except ValidationError as error:
            raise ValidationError({NON_FIELD_ERRORS: error.messages}) from error

    def _add_extensions(self, builder: Any, public_key: Any) -> Any:
        """Add the Netscape extensions ourselves: the library encodes some of them wrongly."""
        extensions = self.extensions or []
        own = [each for each in extensions if isinstance(each, dict) and each.get("name") in _OWN_EXTENSIONS]
        self.extensions = [each for each in extensions if each not in own]
        try:
            builder = super()._add_extensions(builder, public_key)  # type: ignore[misc]
        finally:
            self.extensions = extensions
        for each in own:
            extension = _OWN_EXTENSIONS[each["name"]](str(each.get("value", "")))
            builder = builder.add_extension(extension, critical=each.get("critical", False))
        return builder

    def _verify_extension_format(self) -> None:
        if self.extensions in (None, ""):
            self.extensions = []
        if _NO_TEXT.search(json.dumps(self.extensions, ensure_ascii=False)):
            raise ValidationError({"extensions": _("Null and incomplete characters are not allowed.")})
        try:
            super()._verify_extension_format()  # type: ignore[misc]
        except ValidationError as error:
            raise ValidationError({"extensions": error.messages}) from None

    def _check_what_is_signed(self) -> None:
        """Check what the library would only notice when it signs, which may be much later."""
        if not issuing.is_safe(self.digest):
            raise ValidationError({"digest": _("SHA-1 is not safe any more, choose another digest.")})
        if self.serial_number and not 0 < int(self.serial_number) < _SERIAL_NUMBERS:
            raise ValidationError({"serial_number": _("Serial number must be greater than 0 and below 2^159")})
        if self.country_code and not re.fullmatch("[A-Za-z]{2}", self.country_code):
            raise ValidationError({"country_code": _("Enter a country code of two letters, such as IT.")})
        if len(self.common_name.encode()) > _COMMON_NAME_BYTES:
            text = _("Ensure this value has at most %d bytes; some characters take more than one.")
            raise ValidationError({"common_name": text % _COMMON_NAME_BYTES})
        if self.validity_start and aware(self.validity_start) < _EARLIEST:
            raise ValidationError({"validity_start": _("The validity cannot start before 1950.")})
        self._check_extensions()

    def _check_extensions(self) -> None:
        if any(not isinstance(each.get("value", ""), str) for each in self.extensions or ()):
            raise ValidationError({"extensions": _("The values of extensions must be texts.")})
        ca = getattr(self, "ca", None)
        if ca is not None and not ca.certificate:
            return
        try:
            self._add_extensions(x509.CertificateBuilder(), _any_key().public_key())
        except ValidationError as error:
            raise ValidationError({"extensions": error.messages}) from None
        except (TypeError, ValueError) as error:
            raise ValidationError({"extensions": str(error)}) from None

    def _is_unsigned(self) -> bool:
        return self._state.adding and not self.certificate and not self.private_key

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store the object, signed first if it is not, unless that is left to the background."""
        super().save(*args, **kwargs)
        if not self.certificate:
            wake("pki.make_keys")

    def request_renewal(self) -> bool:
        """Renew at once if that is quick and return True; otherwise let it be done in the background."""
        if issuing.is_quick(self.key_length):
            self.renew()  # type: ignore[attr-defined]
            return True
        self.renew_in_background()
        return False

    def renew_in_background(self) -> None:
        """Let a new key be made in the background."""
        self.renewal_due = True
        self.save(update_fields=["renewal_due"])
        wake("pki.make_keys")

    def _generate_serial_number(self) -> str:
        return str(uuid.uuid4().int)

    def _make_dates_aware(self) -> None:
        """Give the library's default start of validity, midnight wherever one is, a time zone: the server's."""
        for name in ("validity_start", "validity_end"):
            moment = getattr(self, name)
            if isinstance(moment, datetime):
                setattr(self, name, aware(moment))

    def _check_dates(self) -> None:
        start, end = self.validity_start, self.validity_end
        if start and end and aware(start) >= aware(end):
            raise ValidationError({"validity_end": _("The end of the validity must lie after its start.")})

    def _generate(self) -> None:
        key = self.signing.key or issuing.new_key(self.key_length)
        self.signing = issuing.Signing()
        issuing.issue(self, key)  # type: ignore[arg-type]

    def reissue(self, key: issuing.PrivateKey, validity_end: datetime) -> None:
        """Replace key, serial number and end of validity, sign and store the new certificate, and announce it."""
        self.serial_number = self._generate_serial_number()
        self.validity_end = validity_end
        self.renewal_due = False
        issuing.issue(self, key)  # type: ignore[arg-type]
        self.save()
        signals.renewed.send(sender=type(self), instance=self)
        transaction.on_commit(partial(x509_renewed.send_robust, sender=type(self), instance=self))


@cache
def _any_key() -> issuing.PrivateKey:
    """Return a key that signs nothing, to try with."""
    return issuing.new_key("256")


def keep_what_was_issued(sender: type[Issued], instance: Any, raw: bool = False, **kwargs: Any) -> None:
    """Receive ``pre_save``: an earlier version that is restored brings back neither an old key nor a revoked one."""
    if raw:
        stored: Any = sender._base_manager.filter(pk=instance.pk).values().first() or {}
        for name in stored.keys() - {"name", "notes", "organization_id"}:
            setattr(instance, name, stored[name])


def aware(moment: datetime) -> datetime:
    """Return a moment with a time zone: the server's where it has none."""
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
