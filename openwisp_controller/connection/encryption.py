"""Encryption of secrets in the database: AES-GCM, each value marked with its key; see docs/decisions/0015."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import models

from ..common.json_input import JSONFormField
from .settings import settings

PREFIX = "aesgcm:"
_NONCE = 12


class UnreadableSecret(ImproperlyConfigured):
    """A secret was encrypted with a key that is not configured any more, or was tampered with."""


class Keyring:
    """Encrypts with the first of its keys and decrypts with any.

    Args:
        keys: texts of 32 or more characters.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ImproperlyConfigured("OPENWISP_CONTROLLER_ENCRYPTION_KEYS is empty: secrets cannot be stored.")
        self._ciphers: dict[str, AESGCM] = {}
        for text in keys:
            key = hashlib.sha256(b"controller secrets:" + text.encode()).digest()
            self._ciphers[hashlib.sha256(key).hexdigest()[:8]] = AESGCM(key)
        self.current = next(iter(self._ciphers))
        """Identifier of the key that encrypts."""

    def encrypt(self, plain: bytes, purpose: str) -> str:
        """Return ``plain`` as text that only this keyring can read, and only for the same ``purpose``."""
        nonce = os.urandom(_NONCE)
        sealed = self._ciphers[self.current].encrypt(nonce, plain, purpose.encode())
        return f"{PREFIX}{self.current}:{base64.b64encode(nonce + sealed).decode()}"

    def decrypt(self, token: str, purpose: str) -> bytes:
        """Return what ``encrypt`` got.

        Raises:
            UnreadableSecret: the key is not among the configured ones, or the text was changed or moved.
        """
        identifier, _, data = token.removeprefix(PREFIX).partition(":")
        cipher = self._ciphers.get(identifier)
        if cipher is None:
            raise UnreadableSecret(
                f"A secret was encrypted with the key {identifier}, which is not among the configured ones."
                " Add the former key to ENCRYPTION_KEYS again."
            )
        raw = base64.b64decode(data)
        try:
            return cipher.decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode())
        except InvalidTag:
            raise UnreadableSecret(f"A secret of {purpose} was changed by somebody without the key.") from None


@lru_cache(maxsize=4)
def _keyring(keys: tuple[str, ...]) -> Keyring:
    return Keyring(keys)


def keyring() -> Keyring:
    """Return the keyring of the configured keys."""
    return _keyring(tuple(settings.CONTROLLER_ENCRYPTION_KEYS))


class Unreadable(dict[str, Any]):
    """Placeholder of a stored value that cannot be decrypted; saving it keeps what is stored."""

    def __init__(self, stored: str, error: UnreadableSecret) -> None:
        super().__init__()
        self.stored = stored
        self.error = error


def readable(value: Any) -> Any:
    """Return a value that was loaded; raise ``UnreadableSecret`` when it could not be decrypted."""
    if isinstance(value, Unreadable):
        raise value.error
    return value


class EncryptedJSONField(models.TextField):
    """A JSON value that is encrypted in the database, in fixtures and in stored versions. It cannot be searched.

    Empty objects and null are no secrets and are stored as they are. A value that cannot be decrypted is loaded as
    ``Unreadable``, so that it spoils nothing but its own use.
    """

    empty_values = [None, "", [], (), {}]

    @property
    def purpose(self) -> str:
        """What binds a stored value to its column."""
        return f"{self.model._meta.label_lower}.{self.name}"

    def encrypt_value(self, value: Any) -> str | None:
        """Return the stored form of a value."""
        if value is None:
            return None
        if isinstance(value, Unreadable):
            return value.stored
        text = json.dumps(value, ensure_ascii=False)
        return text if value == {} else keyring().encrypt(text.encode(), self.purpose)

    def decrypt_value(self, stored: str | None) -> Any:
        """Return the value of a stored form."""
        if stored is None or not isinstance(stored, str):
            return stored
        if stored.startswith(PREFIX):
            stored = keyring().decrypt(stored, self.purpose).decode()
        return json.loads(stored)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        try:
            return self.decrypt_value(value)
        except UnreadableSecret as error:
            return Unreadable(value, error)

    def get_prep_value(self, value: Any) -> Any:
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if hasattr(value, "as_sql"):
            return value
        return self.encrypt_value(value)

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """Check a value that somebody gave. It is taken as it is: only versions and fixtures hold stored forms."""
        if not isinstance(value, Unreadable):
            self.validate(value, model_instance)
            self.run_validators(value)
        return value

    def to_python(self, value: Any) -> Any:
        """Accept stored forms, as versions and fixtures hold them; everything else is the value itself."""
        if isinstance(value, str) and (value.startswith(PREFIX) or value in ("{}", "null")):
            return self.decrypt_value(value)
        return value

    def value_to_string(self, obj: models.Model) -> Any:
        return self.encrypt_value(self.value_from_object(obj))

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted and cannot be searched.")
        return super().get_lookup(lookup_name)

    def formfield(self, **kwargs: Any) -> Any:
        return models.Field.formfield(self, **{"form_class": JSONFormField, **kwargs})


def reencrypt(model: type[models.Model], chunk: int = 500) -> tuple[int, int]:
    """Encrypt the secrets of a model with the current key where they have an older one.

    Each row is replaced only if nobody changed it meanwhile, so this can run beside everything else.

    Returns:
        How many were encrypted again, and how many could not be read.
    """
    count = unreadable = 0
    current = f"{PREFIX}{keyring().current}:"
    fields = [field for field in model._meta.concrete_fields if isinstance(field, EncryptedJSONField)]
    for field in fields:
        raw = models.functions.Cast(models.F(field.name), models.TextField())
        rows = model._base_manager.annotate(sealed=raw).order_by("pk").values_list("pk", "sealed")
        for pk, sealed in rows.iterator(chunk_size=chunk):
            if sealed and sealed.startswith(PREFIX) and not sealed.startswith(current):
                try:
                    fresh = field.encrypt_value(field.decrypt_value(sealed))
                except UnreadableSecret:
                    unreadable += 1
                    continue
                same = model._base_manager.annotate(sealed=raw).filter(pk=pk, sealed=sealed)
                count += same.update(**{field.name: models.Value(fresh, output_field=models.TextField())})
    return count, unreadable
