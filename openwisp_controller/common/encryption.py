"""Encryption of secrets in the database: AES-GCM, each value marked with its key; see docs/decisions/0015."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django import forms
from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models.lookups import Exact

from .json_input import JSONFormField

PREFIX = "aesgcm:"
_NONCE = 12
_IDENTIFIER = 8
"""Characters of the identifier of a key."""


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
            self._ciphers[hashlib.sha256(key).hexdigest()[:_IDENTIFIER]] = AESGCM(key)
        self.current = next(iter(self._ciphers))
        """Identifier of the key that encrypts."""

    def has(self, identifier: str) -> bool:
        """Tell whether the key with this identifier is among the keys."""
        return identifier in self._ciphers

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
    return _keyring(tuple(getattr(settings, "OPENWISP_CONTROLLER_ENCRYPTION_KEYS", ())))


class Unreadable(dict[str, Any]):
    """Placeholder of a stored value that cannot be decrypted; saving it keeps what is stored."""

    def __init__(self, stored: str, error: UnreadableSecret) -> None:
        super().__init__()
        self.stored = stored
        self.error = error


class UnreadableText(str):
    """Placeholder of a stored text that cannot be decrypted, empty to look at; saving it keeps what is stored."""

    stored: str
    error: UnreadableSecret

    def __bool__(self) -> bool:
        """There is a secret: nobody needs another one."""
        return True


def readable(value: Any) -> Any:
    """Return a value that was loaded; raise ``UnreadableSecret`` when it could not be decrypted."""
    if isinstance(value, Unreadable | UnreadableText):
        raise value.error
    return value


_NOT_SEARCHED = "{} is encrypted and cannot be searched."


class _Empty(Exact):
    """Finds empty values, which are stored as they are."""

    def get_prep_lookup(self) -> Any:
        field: Any = self.lhs.output_field
        if hasattr(self.rhs, "as_sql") or field.is_secret(field.encrypt_value(self.rhs)):
            raise FieldError(_NOT_SEARCHED.format(field.name))
        return super().get_prep_lookup()


class EncryptedField(models.TextField):
    """A value that is encrypted in the database, in fixtures and in stored versions. It cannot be searched.

    A value that cannot be decrypted is loaded as a placeholder, so that it spoils nothing but its own use.
    """

    @property
    def purpose(self) -> str:
        """What binds a stored value to its column."""
        return f"{self.model._meta.label_lower}.{self.name}"

    def encrypt_value(self, value: Any) -> str | None:
        """Return the stored form of a value."""
        if value is None:
            return None
        if isinstance(value, Unreadable | UnreadableText):
            return value.stored
        text = self.as_text(value)
        return text if self._is_empty(text) else keyring().encrypt(text.encode(), self.purpose)

    def decrypt_value(self, stored: str | None) -> Any:
        """Return the value of a stored form, or of what was stored before it was encrypted."""
        if stored is None or not isinstance(stored, str):
            return stored
        if stored.startswith(PREFIX):
            stored = keyring().decrypt(stored, self.purpose).decode()
        return self._from_text(stored)

    def is_secret(self, stored: Any) -> bool:
        """Tell whether something stored is worth encrypting."""
        return isinstance(stored, str) and not self._is_empty(stored)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        try:
            return self.decrypt_value(value)
        except UnreadableSecret as error:
            return self._placeholder(value, error)

    def as_text(self, value: Any) -> str:
        """Return a value as the text that is encrypted."""
        return str(value)

    def _from_text(self, text: str) -> Any:
        return text

    def _is_empty(self, text: str) -> bool:
        return text == ""

    def _placeholder(self, stored: str, error: UnreadableSecret) -> Any:
        text = UnreadableText()
        text.stored, text.error = stored, error
        return text

    def get_prep_value(self, value: Any) -> Any:
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if hasattr(value, "as_sql"):
            return value
        return self.encrypt_value(value)

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """Check a value that somebody gave. It is taken as it is: only versions and fixtures hold stored forms."""
        if not isinstance(value, Unreadable | UnreadableText):
            self.validate(value, model_instance)
            self.run_validators(value)
        return value

    def to_python(self, value: Any) -> Any:
        """Accept stored forms, as versions and fixtures hold them; everything else is the value itself."""
        return self.decrypt_value(value) if isinstance(value, str) and value.startswith(PREFIX) else value

    def value_to_string(self, obj: models.Model) -> Any:
        return self.encrypt_value(self.value_from_object(obj))

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name == "exact":
            return _Empty
        if lookup_name != "isnull":
            raise FieldError(_NOT_SEARCHED.format(self.name))
        return super().get_lookup(lookup_name)


class EncryptedTextField(EncryptedField):
    """A text that is encrypted; the empty one is no secret and is stored as it is.

    Args:
        max_length: of the text itself, in characters.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.max_length is not None:
            self._validators: list[Any] = [*self._validators, MaxLengthValidator(self.max_length)]

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        own = [each for each in self._validators if not isinstance(each, MaxLengthValidator)]
        kwargs.pop("validators", None)
        return name, path, args, {**kwargs, "validators": own} if own else kwargs

    def formfield(self, **kwargs: Any) -> Any:
        if self.max_length is None:
            return super().formfield(**kwargs)
        text = {"max_length": self.max_length, "widget": forms.TextInput, "empty_value": None if self.null else ""}
        return models.Field.formfield(self, **{**text, **kwargs})


class EncryptedJSONField(EncryptedField):
    """A JSON value that is encrypted; empty objects and null are no secrets and are stored as they are."""

    empty_values = [None, "", [], (), {}]

    def to_python(self, value: Any) -> Any:
        return self._from_text(value) if value in ("{}", "null") else super().to_python(value)

    def formfield(self, **kwargs: Any) -> Any:
        return models.Field.formfield(self, **{"form_class": JSONFormField, **kwargs})

    def as_text(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    def _from_text(self, text: str) -> Any:
        return json.loads(text)

    def _is_empty(self, text: str) -> bool:
        return text in ("{}", "null")

    def _placeholder(self, stored: str, error: UnreadableSecret) -> Any:
        return Unreadable(stored, error)


def encrypted_fields(model: type[models.Model]) -> list[EncryptedField]:
    """Return the fields of a model that are encrypted."""
    return [field for field in model._meta.concrete_fields if isinstance(field, EncryptedField)]


def models_with_secrets() -> Iterator[type[models.Model]]:
    """Yield every installed model with encrypted fields."""
    yield from (model for model in apps.get_models() if encrypted_fields(model))


def unreadable_secrets() -> dict[str, int]:
    """Return how many secrets in the database need a key that is not configured, by the identifier of the key."""
    found: dict[str, int] = {}
    for model in models_with_secrets():
        for field in encrypted_fields(model):
            raw = models.functions.Cast(models.F(field.name), models.TextField())
            beginning = models.functions.Substr(raw, 1, len(PREFIX) + _IDENTIFIER)
            rows = model._base_manager.order_by().annotate(beginning=beginning).filter(beginning__startswith=PREFIX)
            for text, count in rows.values_list("beginning").annotate(models.Count("pk")):
                identifier = text.removeprefix(PREFIX)
                if not keyring().has(identifier):
                    found[identifier] = found.get(identifier, 0) + count
    return found


def reencrypt(model: type[models.Model], chunk: int = 500) -> tuple[int, int]:
    """Encrypt the secrets of a model with the current key where they have an older one, or none.

    Each row is replaced only if nobody changed it meanwhile, so this can run beside everything else.

    Returns:
        How many were encrypted again, and how many could not be read.
    """
    count = unreadable = 0
    current = f"{PREFIX}{keyring().current}:"
    for field in encrypted_fields(model):
        raw = models.functions.Cast(models.F(field.name), models.TextField())
        rows = model._base_manager.annotate(sealed=raw).order_by("pk").values_list("pk", "sealed")
        for pk, sealed in rows.iterator(chunk_size=chunk):
            if field.is_secret(sealed) and not sealed.startswith(current):
                try:
                    fresh = field.encrypt_value(field.decrypt_value(sealed))
                except UnreadableSecret:
                    unreadable += 1
                    continue
                same = model._base_manager.annotate(sealed=raw).filter(pk=pk, sealed=sealed)
                count += same.update(**{field.name: models.Value(fresh, output_field=models.TextField())})
    return count, unreadable


def reencrypt_versions(model: type[models.Model], versions: Any = None, chunk: int = 200) -> tuple[int, int]:
    """Encrypt the secrets in stored versions of a model with the current key where they have an older one, or none.

    Args:
        model: whose versions.
        versions: the model of versions, as a migration knows it; None = the installed one.
        chunk: how many are read at once.

    Returns:
        How many versions were written again, and how many hold a secret that could not be read.
    """
    count = unreadable = 0
    label = model._meta
    versions = versions or apps.get_model("reversion", "Version")
    rows = versions.objects.filter(
        content_type__app_label=label.app_label, content_type__model=label.model_name, format="json"
    )
    for version in rows.order_by("pk").iterator(chunk_size=chunk):
        data = json.loads(version.serialized_data)
        try:
            changed = [_reencrypt_values(model, each["fields"]) for each in data]
        except UnreadableSecret:
            unreadable += 1
            continue
        if any(changed):
            count += versions.objects.filter(pk=version.pk).update(serialized_data=json.dumps(data))
    return count, unreadable


def _reencrypt_values(model: type[models.Model], values: dict[str, Any]) -> bool:
    current = f"{PREFIX}{keyring().current}:"
    changed = False
    for field in encrypted_fields(model):
        stored = values.get(field.name)
        if isinstance(stored, str) and field.is_secret(stored) and not stored.startswith(current):
            values[field.name], changed = field.encrypt_value(field.decrypt_value(stored)), True
    return changed


def encrypt_existing(app: str, *names: str) -> Any:
    """Return what a migration runs to encrypt what was stored in clear, versions included.

    Args:
        app: label of the app.
        names: of its models.
    """

    def run(registry: Any, schema_editor: Any) -> None:
        for name in names:
            model = registry.get_model(app, name)
            reencrypt(model)
            reencrypt_versions(model, registry.get_model("reversion", "Version"))

    return run


def decrypt_existing(app: str, *names: str) -> Any:
    """Return what a migration runs to take ``encrypt_existing`` back, before the columns become shorter again."""

    def run(registry: Any, schema_editor: Any) -> None:
        for model in (registry.get_model(app, name) for name in names):
            for field in encrypted_fields(model):
                for pk, value in model._base_manager.values_list("pk", field.name):
                    text = field.as_text(readable(value)) if value is not None else None
                    clear = models.Value(text, output_field=models.TextField())
                    model._base_manager.filter(pk=pk).update(**{field.name: clear})

    return run
