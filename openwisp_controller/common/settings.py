"""Typed, documented settings: one declaration gives the default, the check and the line in the reference.

Other packages know settings as attributes of the module in which their group stands
(``connection.settings.MANAGEMENT_IP_ONLY``), which they read, patch in tests, and set: what is set there goes first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_network
from typing import Any, ClassVar, Generic, TypeVar, overload

import jsonschema
from django.conf import settings as django_settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import cached_property
from django.utils.module_loading import import_string

T = TypeVar("T")


class Setting(Generic[T]):
    """One setting of the project, read each time it is used: from its module where it was set there, else from
    Django's settings.

    Args:
        default: the value when the project does not set it, or a function of the settings group that computes it.
        purpose: one line for the reference page.
        check: returns the reason why a value is unusable, or an empty text.
        paths: returns the dotted paths in a value, each of which must lead somewhere.
    """

    def __init__(
        self,
        default: T | Callable[[Any], T],
        purpose: str,
        check: Callable[[Any], str] | None = None,
        paths: Callable[[Any], Iterable[str]] = lambda value: (),
    ) -> None:
        self._default = default
        self.purpose = purpose
        self._check = check
        self._paths = paths
        self.name = ""
        self.attribute = ""
        """What it is called as an attribute of the module."""

    def __set_name__(self, owner: type[SettingsGroup], name: str) -> None:
        self.name = owner.prefix + name
        self.attribute = name.removeprefix("CONTROLLER_")

    @overload
    def __get__(self, group: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, group: SettingsGroup, owner: type) -> T: ...
    def __get__(self, group: SettingsGroup | None, owner: type) -> Setting[T] | T:
        if group is None:
            return self
        value = group.assigned.get(self.attribute, self)
        if value is self:
            value = getattr(django_settings, self.name, self)
        return self.default(group) if value is self else value

    def default(self, group: SettingsGroup) -> T:
        """Return the default, computing it when it depends on other settings of ``group``."""
        return self._default(group) if callable(self._default) else self._default

    def verify(self, group: SettingsGroup) -> None:
        """Raise ``ImproperlyConfigured``, naming the setting, when its value is unusable."""
        reason = self._check(self.__get__(group, type(group))) if self._check else ""
        if reason:
            raise ImproperlyConfigured(f"{self.name} {reason}")

    def lost_paths(self, group: SettingsGroup) -> list[checks.CheckMessage]:
        """Return an error for each dotted path in the value that leads nowhere."""
        errors: list[checks.CheckMessage] = []
        for path in self._paths(self.__get__(group, type(group))):
            try:
                import_string(path)
            except Exception as error:
                text = f"{self.name} names {path!r}, which cannot be imported: {error}"
                errors.append(checks.Error(text, id="openwisp_controller.E001"))
        return errors


class SettingsGroup:
    """The settings of one app. Subclasses declare ``prefix`` and ``Setting`` attributes."""

    prefix = ""
    known: ClassVar[set[str]] = set()
    """The names of all settings of all groups."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        SettingsGroup.known.update(each.name for each in vars(cls).values() if isinstance(each, Setting))

    @cached_property
    def assigned(self) -> dict[str, Any]:
        """The attributes of the module in which the group stands."""
        return vars(sys.modules[type(self).__module__])

    def attribute(self, name: str) -> Any:
        """Return a setting, or its default for ``DEFAULT_`` and its name: the ``__getattr__`` of the module."""
        known = {setting.attribute: setting for setting in self}
        if name in known:
            return known[name].__get__(self, type(self))
        default = known.get(name.removeprefix("DEFAULT_"))
        if default is None:
            raise AttributeError(f"module {type(self).__module__!r} has no attribute {name!r}")
        return default.default(self)

    def __iter__(self) -> Iterator[Setting[Any]]:
        return (value for value in vars(type(self)).values() if isinstance(value, Setting))

    def verify(self) -> None:
        """Check every setting of the group; called once when the app starts."""
        for setting in self:
            setting.verify(self)

    def lost_paths(self) -> list[checks.CheckMessage]:
        """Return an error, for Django's system checks, for each dotted path that leads nowhere."""
        return [error for setting in self for error in setting.lost_paths(self)]


def must_be(kind: type, name: str) -> Callable[[Any], str]:
    """Return a check that accepts only instances of ``kind``, called ``name`` in the error."""
    return lambda value: "" if isinstance(value, kind) else f"must be {name}, not {type(value).__name__}."


def one_of(*possible: str) -> Callable[[Any], str]:
    """Return a check that accepts only these texts."""
    return lambda value: "" if value in possible else f"must be one of {', '.join(map(repr, possible))}, not {value!r}."


def networks(value: Any) -> str:
    """Check that ``value`` lists networks in CIDR notation."""
    try:
        for network in value:
            ip_network(network)
    except (TypeError, ValueError) as error:
        return f"must list networks such as '10.8.0.0/16': {error}."
    return ""


def positive(value: Any) -> str:
    """Check that ``value`` is a whole number above zero."""
    return "" if type(value) is int and value > 0 else "must be a whole number above zero."


def seconds(value: Any) -> str:
    """Check that ``value`` is a number above zero, of seconds."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return "" if usable else "must be a number of seconds above zero."


def whole(value: Any) -> str:
    """Check that ``value`` is a whole number, zero included."""
    return "" if type(value) is int and value >= 0 else "must be a whole number, 0 or more."


def pairs(value: Any) -> str:
    """Check that ``value`` is a non-empty list of (path, label) pairs."""
    if isinstance(value, list | tuple) and value and all(_is_pair(item) for item in value):
        return ""
    return "must be a list of (path, label) pairs."


def _is_pair(item: Any) -> bool:
    return isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[0], str)


def paths_of_pairs(value: Any) -> list[str]:
    """Return the paths of (path, label) pairs."""
    return [path for path, _label in value]


def json_schema(value: Any) -> str:
    """Check that ``value`` is a JSON schema."""
    try:
        jsonschema.Draft4Validator.check_schema(value)
    except jsonschema.SchemaError as error:
        return f"is no JSON schema: {error.message}."
    return ""
