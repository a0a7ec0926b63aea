"""The templates of a device, merged once for all devices that have just these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, cast

from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError as SchemaError
from netjsonconfig.backends.base.backend import format_checker
from netjsonconfig.exceptions import NetJsonConfigException, ValidationError

from .archive import Archive
from .backends import FastBackend, describe, load_backend, make_instance, uses_own
from .converters import copy_value
from .errors import InvalidConfiguration, RenderingError, UnreadableConfiguration, Unwritable
from .merge import merge_config
from .places import find
from .values import NotPlain, copy_plain
from .variables import expand, expand_plain, has_left, substitution, with_names

Config = Mapping[str, Any]


class Stack:
    """A backend and an ordered sequence of templates, ready to render any number of devices.

    ``backend`` is a dotted path, ``templates`` are NetJSON objects from first to last, ``dsa`` chooses the
    syntax of OpenWrt 21 and later (None: what the backend does by default; other backends ignore it).
    ``base`` is the merged templates, to be read only. Instances are safe to share between threads.
    Raises :class:`UnknownBackend`, and :class:`InvalidConfiguration` if the templates cannot be merged.
    """

    __slots__ = ("_own_expand", "_own_merge", "_probe", "_templates", "backend", "base", "dsa")

    def __init__(self, backend: str, templates: Sequence[Config] = (), *, dsa: bool | None = None) -> None:
        self.backend = load_backend(backend)
        self.dsa = dsa
        self._own_merge = uses_own(self.backend, "_merge_config", "_load")
        self._own_expand = uses_own(self.backend, "_evaluate_vars")
        self.base: dict[str, Any] = {}
        with _readable_errors():
            self._templates = [copy_value(dict(template)) for template in templates]
            self._probe = self._empty_instance()
            if self._own_merge:
                self.base = self._merged({})
                return
            for template in self._templates:
                self.base = self._layer(self.base, template)

    def merge(self, config: Config) -> dict[str, Any]:
        """Return ``config`` layered over the templates, variables not yet expanded.

        Raises :class:`InvalidConfiguration` when a list meets an object under the same key.
        """
        with _readable_errors():
            return cast(dict[str, Any], copy_value(self._merged(config)))

    def expand(self, config: Config, context: Config) -> dict[str, Any]:
        """Return ``config`` layered over the templates, with the variables of ``context`` expanded.

        Raises :class:`RenderingError` when that makes it too large.
        """
        with _readable_errors():
            return self._expanded(config, context)[0]

    def validate(self, config: Config, context: Config) -> None:
        """Check the merged and expanded configuration, and whether the device can read what becomes of it.

        Variables without a value may stay. Raises :class:`InvalidConfiguration` with the first error found.
        """
        with _readable_errors(), self._places(config, context):
            instance = self._instance(config, context)
            _validate(instance)
            self._try_out(instance)

    def render(self, config: Config, context: Config) -> Archive:
        """Validate and render the archive of one device.

        Raises :class:`InvalidConfiguration`, or :class:`RenderingError` for what only rendering can find out.
        """
        with _readable_errors(), self._places(config, context):
            instance = self._instance(config, context)
            _validate(instance)
            return Archive.from_bytes(instance.generate().getvalue())

    def render_with(
        self, config: Config, context: Config, sections: Mapping[str, Config], files: Sequence[Config] = ()
    ) -> Archive:
        """Validate and render an archive with more in it than is validated.

        For long lists that were made by the caller, where checking each item against each other takes too long.

        ``sections`` maps a section to what is added to its first object; it is taken as it is, variables are not
        expanded. ``files`` are added to the extra files. Raises what :meth:`render` raises.
        """
        with _readable_errors(), self._places(config, context):
            instance = self._instance(config, context)
            _validate(instance)
            for section, added in sections.items():
                instance.config[section][0].update(added)
            if files:
                instance.config["files"] = [*instance.config.get("files", ()), *files]
            return Archive.from_bytes(instance.generate().getvalue())

    def text(self, config: Config, context: Config) -> str:
        """Return the configuration as one text for people, extra files included.

        Raises what :meth:`render` raises.
        """
        with _readable_errors(), self._places(config, context):
            instance = self._instance(config, context)
            _validate(instance)
            return instance.render()

    def broken_paths(self, config: Config, context: Config) -> set[tuple[str | int, ...]]:
        """Return the paths of all errors that the schema alone sees, not just the first."""
        with _readable_errors():
            instance = self._instance(config, context)
            errors = Draft4Validator(instance.schema, format_checker=format_checker).iter_errors(instance.config)
            return {tuple(error.absolute_path) for error in errors}

    def _try_out(self, valid: FastBackend) -> None:
        """Render a valid configuration for the errors alone, of which only those of names and values are told.

        Others may come from variables that still have no value. So do names with them: they count as good.
        """
        config = with_names({**valid.config, "files": [_file_to_try(item) for item in valid.config.get("files", ())]})
        trial = make_instance(self.backend, config, False, self.dsa)
        trial.known_valid()
        try:
            trial.render(files=False)
        except Unwritable:
            raise
        except Exception:
            return

    @contextmanager
    def _places(self, config: Config, context: Config) -> Iterator[None]:
        """Say where in the configuration stands what cannot be written."""
        try:
            yield
        except Unwritable as error:
            place = find(self._expanded(config, context)[0], error.found)
            raise UnreadableConfiguration(error.message, place, error.found) from error

    def _empty_instance(self) -> FastBackend:
        return make_instance(self.backend, {}, True, self.dsa)

    def _layer(self, base: Config, config: Config) -> dict[str, Any]:
        return merge_config(base, config, self._probe._get_merge_config_identifiers(config))

    def _merged(self, config: Config) -> dict[str, Any]:
        """Return the merged configuration, sharing parts with ``config`` and the templates."""
        if self._own_merge:
            instance = self._empty_instance()
            return cast(dict[str, Any], instance._merge_config(deepcopy(dict(config)), deepcopy(self._templates)))
        return self._layer(self.base, config)

    def _expanded(self, config: Config, context: Config) -> tuple[dict[str, Any], bool]:
        """Return merged and expanded configuration, all its own, and whether it is plain JSON."""
        merged = self._merged(config)
        if self._own_expand:
            return self._empty_instance()._evaluate_vars(deepcopy(merged), context), False
        try:
            if context:
                return expand_plain(merged, substitution(context)), True
            return copy_plain(merged), True
        except NotPlain:
            return expand(merged, context), False

    def _instance(self, config: Config, context: Config) -> FastBackend:
        expanded, plain = self._expanded(config, context)
        _number_ports(expanded)
        return make_instance(self.backend, expanded, plain, self.dsa)


def _number_ports(config: dict[str, Any]) -> None:
    """Make numbers of the ports of WireGuard peers that were given as variables, whose values are put in as text.

    The schema allows nothing but a number there, so nothing that was valid before means something else now.
    """
    for peer in config.get("wireguard_peers") or ():
        port = peer.get("endpoint_port") if isinstance(peer, dict) else None
        if isinstance(port, str) and port.isascii() and port.isdecimal():
            peer["endpoint_port"] = int(port[:6])


def _file_to_try(item: Any) -> Any:
    """Return an extra file to check; nothing can be said of contents as long as variables in it have no value."""
    return {**item, "contents": ""} if has_left(item["contents"]) else item


def _validate(instance: FastBackend) -> None:
    """Validate; if a check stumbles over a wrong structure, let the schema say what is wrong."""
    try:
        instance.validate()
    except (NetJsonConfigException, SchemaError, RenderingError):
        raise
    except Exception:
        Draft4Validator(instance.schema, format_checker=format_checker).validate(instance.config)
        raise


@contextmanager
def _readable_errors() -> Iterator[None]:
    """Turn whatever can go wrong on the way into a :class:`RenderingError`."""
    try:
        yield
    except RenderingError:
        raise
    except ValidationError as error:
        raise _invalid(error.details) from error
    except SchemaError as error:
        raise _invalid(error) from error
    except RecursionError as error:
        raise RenderingError("The configuration is nested too deeply.") from error
    except Exception as error:
        raise RenderingError(f"The configuration cannot be rendered: {describe(error)}.") from error


def _invalid(error: SchemaError) -> InvalidConfiguration:
    return InvalidConfiguration(error.message, tuple(error.absolute_path))
