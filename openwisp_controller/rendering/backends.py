"""Fast subclasses of netjsonconfig's backends, whatever class they are given.

The hooks of the backend (``validate``, ``to_intermediate``, ``render``, ``generate``, converters and
renderers) stay what they are; only what they inherit from netjsonconfig's base classes is replaced by
something quicker.
"""

from __future__ import annotations

import importlib
import inspect
import io
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from jsonschema.exceptions import ValidationError as SchemaError
from netjsonconfig.backends.base.backend import BaseBackend, format_checker
from netjsonconfig.backends.openwisp.openwisp import OpenWisp
from netjsonconfig.backends.openwrt.openwrt import OpenWrt
from netjsonconfig.backends.openwrt.parser import config_path
from netjsonconfig.exceptions import NetJsonConfigException, ValidationError
from netjsonconfig.schema import DEFAULT_FILE_MODE

from .archive import ArchiveWriter, TarWriter
from .converters import fast_converter
from .diamond import defined_by, graft, per_class
from .errors import RenderingError, UnknownBackend, Unwritable
from .merge import merge_config
from .renderers import FastUci, environment, fast_renderer
from .schema import CompiledSchema, NotCompilable
from .shared import Shared
from .typed import PathsOfNumbers
from .uci_text import check_apart, check_file
from .values import NotPlain, copy_plain
from .variables import expand

_GOOD_PATH = re.compile(r"/?(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+)*")

_SHELL_WORD = re.compile(r"[A-Za-z0-9@%+=:,./_-]+")


class Outermost:
    """Above the backend: validates once, however often the layers below ask."""

    _known_valid = False

    def validate(self) -> None:
        if not self._known_valid:
            super().validate()  # type: ignore[misc]
            self._known_valid = True

    def known_valid(self) -> None:
        """Take the configuration for valid from now on."""
        self._known_valid = True


class FastBackend(BaseBackend):
    """Between the backend and netjsonconfig's base class."""

    config: dict[str, Any]
    #: Whether ``config`` is plain JSON, as the compiled schema needs it.
    plain = False
    #: What it has in common with other devices, if anything.
    shared: Shared | None = None
    intermediate_data: dict[str, Any] | None

    def validate(self) -> None:
        usual = self.plain and self.schema is type(self).schema
        compiled = compiled_schema(type(self)) if usual else None
        shared = self.shared if compiled is not None and compiled.by_section else None
        unchecked = shared.unchecked(self.config) if shared else self.config
        if compiled is None or not compiled.accepts(unchecked):
            super().validate()
            return
        if shared:
            shared.checked(unchecked)
        try:
            self._validate_file_paths()
        except SchemaError as error:
            raise ValidationError(error) from error

    def _validate_file_paths(self) -> None:
        if not all(_GOOD_PATH.fullmatch(item["path"]) for item in self.config.get("files", ())):
            super()._validate_file_paths()

    def _evaluate_vars(self, config: dict[str, Any], context: Mapping[str, Any] | None) -> dict[str, Any]:
        return cast(dict[str, Any], expand(config, context or {}))

    def to_intermediate(self) -> None:
        self.validate()
        self.intermediate_data = {}
        for converter in self.converters:
            if not converter.should_run_forward(self.config):
                continue
            try:
                value = self._convert(converter)
            except (RenderingError, NetJsonConfigException, SchemaError):
                raise
            except Exception as error:
                raise _section_error(converter, error) from error
            if value and isinstance(value, (tuple, list)):
                value = dict(value)
            if value:
                self._check_sections(value)
                self.intermediate_data = merge_config(self.intermediate_data, value, [".name"])

    def _convert(self, converter: type) -> Any:
        def convert() -> Any:
            return fast_converter(converter)(self).to_intermediate()

        return self.shared.convert(converter, self.config, convert) if self.shared else convert()

    def _check_sections(self, added: dict[str, Any]) -> None:
        """Check what a converter made before it is merged with what is in ``intermediate_data``."""

    def _prepare(self) -> None:
        """Make ``intermediate_data``, and each extra file one of its kind."""
        self.validate()
        if self.intermediate_data is None:
            self.to_intermediate()
        self._deduplicate_files()

    def _renderers(self) -> list[Any]:
        renderers = getattr(self, "renderers", None) or [self.renderer]
        return [fast_renderer(renderer)(self) for renderer in renderers]

    def render(self, files: bool = True) -> str:
        self._prepare()
        output = "".join(renderer.render() for renderer in self._renderers())
        if files and (extra := self._render_files()):
            output += extra.replace("\n\n\n", "\n\n")
        return output

    def generate(self) -> io.BytesIO:
        writer = ArchiveWriter() if _writes_as_usual(type(self)) else TarWriter()
        self._generate_contents(writer)
        self._process_files(writer)
        return io.BytesIO(writer.finish())

    def _add_file(
        self, tar: ArchiveWriter | TarWriter, name: str, contents: str, mode: str = DEFAULT_FILE_MODE
    ) -> None:
        tar.add_text(name, contents, mode)


class FastOpenWrt(OpenWrt):
    """Between the backend and netjsonconfig's for OpenWrt."""

    #: Where files that the device reads as UCI packages stand in the archive.
    package_file = re.compile(r"etc/config/(.+)")

    def _check_sections(self, added: dict[str, Any]) -> None:
        known = cast(dict[str, Any], self.intermediate_data)
        for package, blocks in added.items():
            check_apart(package, blocks, known.get(package, ()))

    def _prepare(self) -> None:
        super()._prepare()
        for item in self.config.get("files", ()):
            if match := self.package_file.fullmatch(item["path"].removeprefix("/")):
                name = match[match.lastindex or 0]
                package = "" if "/" in name else name
                check_file(item["path"], package, item["contents"], cast(dict[str, Any], self.intermediate_data))

    def _generate_contents(self, tar: Any) -> None:
        packages = self._packages()
        if packages is None:
            super()._generate_contents(tar)
            return
        for name, contents in packages:
            self._add_file(tar=tar, name=f"{config_path}{name}", contents=contents)

    def _packages(self) -> list[tuple[str, str]] | None:
        """Return name and contents of each package; None where only the whole text is there, to be cut into pieces.

        A text cannot be cut reliably: values may look like the beginning of a package.
        """
        if not _is_netjsonconfig(type(self), "render"):
            return None
        self._prepare()
        renderers = self._renderers()
        if len(renderers) != 1 or not _writes_packages(renderers[0]):
            return None
        return list(renderers[0].packages())


class FastOpenWisp(OpenWisp):
    """Between the backend and netjsonconfig's legacy one."""

    package_file = re.compile(r"etc/config/(.+)|uci/(.+)\.conf")

    def _generate_contents(self, tar: Any) -> None:
        packages = self._packages()
        if packages is None:
            super()._generate_contents(tar)
            return
        for name, contents in packages:
            self._add_file(tar=tar, name=f"uci/{name}.conf", contents=f"package {name}\n\n{contents}")
        context = self._get_install_context()
        self._check_words(context)
        self._add_install(context)
        self._add_uninstall(context)
        self._add_openvpn_scripts()
        self._add_tc_script()

    def _render_template(self, template: str, context: dict[str, Any] | None = None) -> str:
        return environment(self.__module__).get_template(template).render(**(context or {}))

    def _check_words(self, context: dict[str, Any]) -> None:
        """Check what netjsonconfig writes into scripts: each has to stay one word."""
        named = [*context["l2vpn"], *context["bridges"], *context["radios"], *self.config.get("tc_options", ())]
        words = [item["name"] for item in named] + [item["ip"] for item in context["bridges"] if item.get("ip")]
        for word in words:
            if not _SHELL_WORD.fullmatch(word):
                raise Unwritable(f"The scripts of the legacy firmware cannot have the name {word!r} in them.", word)


@cache
def load_backend(path: str) -> type[FastBackend]:
    """Return the fast subclass of the backend at a dotted path, such as ``netjsonconfig.OpenWrt``.

    Works for every subclass of netjsonconfig's ``BaseBackend``. Raises :class:`UnknownBackend` when the path
    cannot be imported or leads to something else.
    """
    module, _, name = path.rpartition(".")
    try:
        backend = getattr(importlib.import_module(module), name) if module else None
    except Exception as error:  # a third party's module may fail in any way
        raise UnknownBackend(path, error) from error
    if not module:
        raise UnknownBackend(path, "it is not a dotted path to a class")
    if not (isinstance(backend, type) and issubclass(backend, BaseBackend)):
        raise UnknownBackend(path, "it is not a netjsonconfig backend")
    try:
        return cast(type[FastBackend], graft(backend, [FastOpenWisp, FastOpenWrt, FastBackend], top=Outermost))
    except TypeError as error:
        raise UnknownBackend(path, error) from error


@per_class
def compiled_schema(backend: type) -> CompiledSchema | None:
    """Return the compiled schema of a backend class, or None if it has to be validated in Python."""
    try:
        return CompiledSchema(cast(type[FastBackend], backend).schema, format_checker)
    except NotCompilable:
        return None


@per_class
def paths_of_numbers(backend: type) -> PathsOfNumbers:
    """Return where the schema of a backend class may want numbers or booleans."""
    return PathsOfNumbers(cast(type[FastBackend], backend).schema)


def make_instance(backend: type[FastBackend], config: dict[str, Any], plain: bool, dsa: bool | None) -> FastBackend:
    """Return a backend instance that owns ``config`` (merged, variables expanded, free to be changed).

    ``plain`` tells whether ``config`` is plain JSON; ``dsa`` None leaves the backend's own default.
    """
    takes_dsa, default_dsa = _dsa_parameter(backend)
    if _is_netjsonconfig(backend, "__init__"):
        instance = backend.__new__(backend)
        instance.config, instance.intermediate_data = config, None
        if takes_dsa:
            instance.dsa = default_dsa if dsa is None else dsa
    else:
        instance = backend(config=config, **({"dsa": dsa} if takes_dsa and dsa is not None else {}))
        plain = plain and _is_plain(instance.config)
    instance.plain = plain
    return instance


@per_class
def _dsa_parameter(backend: Any) -> tuple[bool, Any]:
    parameter = inspect.signature(backend.__init__).parameters.get("dsa")
    if parameter is None:
        return issubclass(backend, OpenWrt), None
    return True, parameter.default


@per_class
def _writes_as_usual(backend: type) -> bool:
    return all(_is_netjsonconfig(backend, hook) for hook in ("_generate_contents", "_process_files", "_add_file"))


@per_class
def _is_netjsonconfig(backend: type, name: str) -> bool:
    """Tell whether a method comes from netjsonconfig or this package, not from a third party."""
    owner = defined_by(backend, name)
    return owner is not None and owner.__module__.startswith(("netjsonconfig.", __package__ + "."))


def _writes_packages(renderer: Any) -> bool:
    usual = isinstance(renderer, FastUci) and renderer.is_usual()
    return usual and all(_is_netjsonconfig(type(renderer), hook) for hook in ("render", "cleanup"))


def uses_own(backend: type[FastBackend], *hooks: str) -> bool:
    """Tell whether a backend class brings its own version of one of these methods."""
    return not all(_is_netjsonconfig(backend, hook) for hook in hooks)


def _is_plain(config: Any) -> bool:
    try:
        copy_plain(config)
    except NotPlain:
        return False
    return True


def _section_error(converter: type, error: Exception) -> RenderingError:
    section = getattr(converter, "netjson_key", None)
    what = f'The section "{section}"' if section else "A package"
    return RenderingError(f"{what} of the configuration cannot be rendered: {describe(error)}.")


def describe(error: BaseException) -> str:
    """Return an unexpected exception as words for a person."""
    if isinstance(error, KeyError) and error.args:
        return f"{error.args[0]!r} is missing or not known"
    return str(error).rstrip(".") or type(error).__name__
