"""The templates of a device, merged once for all devices that have just these."""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import lru_cache
from typing import Any, NamedTuple, cast

from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError as SchemaError
from netjsonconfig.backends.base.backend import format_checker
from netjsonconfig.exceptions import NetJsonConfigException, ValidationError

from .archive import Archive
from .backends import FastBackend, describe, load_backend, make_instance, paths_of_numbers, uses_own
from .converters import copy_value
from .errors import InvalidConfiguration, Mistake, Path, RenderingError, UnreadableConfiguration, Unwritable
from .merge import has_replacements, merge_config, merge_replacing
from .mistakes import find_mistakes
from .places import find, value_at
from .shared import Shared, can_share
from .typed import fill, find_places, put_in, without_value
from .values import NotPlain
from .variables import Substitution, copy_expanded, expand_plain, has_left, names, with_names

Config = Mapping[str, Any]


class Stack:
    """A backend and an ordered sequence of templates, ready to render any number of devices.

    ``backend`` is a dotted path, ``templates`` are NetJSON objects from first to last, ``dsa`` chooses the
    syntax of OpenWrt 21 and later (None: what the backend does by default; other backends ignore it).
    ``base`` is the merged templates, to be read only. Instances are safe to share between threads.
    Raises :class:`UnknownBackend`, and :class:`InvalidConfiguration` if the templates cannot be merged.
    """

    __slots__ = ("_own_expand", "_own_merge", "_probe", "_shared", "_templates", "backend", "base", "dsa")

    def __init__(self, backend: str, templates: Sequence[Config] = (), *, dsa: bool | None = None) -> None:
        self.backend = load_backend(backend)
        self.dsa = dsa
        self._own_merge = uses_own(self.backend, "_merge_config", "_load")
        self._own_expand = uses_own(self.backend, "_evaluate_vars")
        self._shared: Shared | None = None
        self.base: dict[str, Any] = {}
        with _readable_errors():
            self._templates = [copy_value(dict(template)) for template in templates]
            self._probe = self._empty_instance()
            if self._own_merge:
                self.base = self._merged({})
                return
            for template in self._templates:
                self.base = self._layer(self.base, template)
            if can_share(self.backend):
                self._shared = Shared(self.base)

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
            return self._expanded(config, context).config

    def validate(self, config: Config, context: Config, *, open_ended: bool = False) -> None:
        """Check the merged and expanded configuration, and whether the device can read what becomes of it.

        Args:
            config: laid over the templates.
            context: variables; where a text may be anything, they need no value.
            open_ended: they need none anywhere: examples stand for those which are to come.

        Raises:
            InvalidConfiguration: it is not valid.
        """
        with _readable_errors(), self._places(config, context):
            self._try_out(*self._valid(config, context, trying=open_ended, share=True))

    def render(self, config: Config, context: Config, *, open_ended: bool = False) -> Archive:
        """Validate and render the archive of one device.

        ``open_ended``: see :meth:`validate`. Raises :class:`InvalidConfiguration`, or :class:`RenderingError` for what
        only rendering can find out.
        """
        with _readable_errors(), self._places(config, context):
            instance, parts = self._valid(config, context, trying=open_ended, share=True)
            return Archive.from_bytes(instance.generate().getvalue(), parts.undefined)

    def render_with(
        self, config: Config, context: Config, sections: Mapping[str, Config], files: Sequence[Config] = ()
    ) -> Archive:
        """Validate and render an archive with more in it than is validated.

        For long lists that were made by the caller, where checking each item against each other takes too long.

        ``sections`` maps a section to what is added to its first object; it is taken as it is, variables are not
        expanded. ``files`` are added to the extra files. Raises what :meth:`render` raises.
        """
        with _readable_errors(), self._places(config, context):
            instance, _ = self._valid(config, context)
            for section, added in sections.items():
                instance.config[section][0].update(added)
            if files:
                instance.config["files"] = [*instance.config.get("files", ()), *files]
            return Archive.from_bytes(instance.generate().getvalue())

    def text(self, config: Config, context: Config, *, open_ended: bool = False) -> str:
        """Return the configuration as one text for people, extra files included.

        Takes and raises what :meth:`render` does.
        """
        with _readable_errors(), self._places(config, context):
            instance, _ = self._valid(config, context, trying=open_ended)
            return instance.render()

    def undefined(self, config: Config, context: Config) -> list[str]:
        """Return the names of variables that have no value, sorted. Raises what :meth:`expand` raises."""
        with _readable_errors():
            return sorted(self._expanded(config, context).undefined)

    def broken_paths(self, config: Config, context: Config) -> set[tuple[str | int, ...]]:
        """Return the paths of all errors that the schema alone sees, not just the first."""
        with _readable_errors():
            parts = self._expanded(config, context)
            mistakes = self._put_in_numbers(parts, context, trying=False)
            return {mistake.path for mistake in (*mistakes, *self._mistakes(parts))}

    def _try_out(self, valid: FastBackend, parts: _Expanded) -> None:
        """Render a valid configuration for the errors alone, of which only those of names and values are told.

        Others may come from variables that still have no value. So do names with them: they count as good.
        """
        config = {**valid.config, "files": [_file_to_try(item) for item in valid.config.get("files", ())]}
        trial = make_instance(self.backend, with_names(config) if parts.undefined else config, False, self.dsa)
        trial.known_valid()
        trial.shared = None if parts.undefined else valid.shared
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
            place = find(self._expanded(config, context).config, error.found)
            raise UnreadableConfiguration(error.message, place, error.found) from error

    def _empty_instance(self) -> FastBackend:
        return make_instance(self.backend, {}, True, self.dsa)

    def _layer(self, base: Config, config: Config) -> dict[str, Any]:
        merge = merge_replacing if has_replacements(config) else merge_config
        return merge(base, config, self._probe._get_merge_config_identifiers(config))

    def _merged(self, config: Config) -> dict[str, Any]:
        """Return the merged configuration, sharing parts with ``config`` and the templates."""
        if self._own_merge:
            instance = self._empty_instance()
            return cast(dict[str, Any], instance._merge_config(deepcopy(dict(config)), deepcopy(self._templates)))
        return self._layer(self.base, config)

    def _expanded(self, config: Config, context: Config, *, share: bool = False) -> _Expanded:
        """Merge and expand; with ``share``, parts of the result may be other devices' as well: none may be changed."""
        merged = self._merged(config)
        if self._own_expand:
            expanded = self._empty_instance()._evaluate_vars(deepcopy(merged), context)
            return _Expanded(merged, expanded, False, names(merged) - set(context), names(merged))
        substitution = Substitution(context)
        try:
            if share and self._shared:
                sharing = self._shared.expand(merged, context, substitution)
                if sharing is not None and not substitution.alone:
                    return _Expanded(merged, sharing, True, substitution.undefined, set(), self._shared)
                substitution = Substitution(context)
            expanded, plain = expand_plain(merged, substitution.put_in), True
        except NotPlain:
            substitution = Substitution(context)
            expanded, plain = copy_expanded(merged, substitution.put_in), False
        return _Expanded(merged, expanded, plain, substitution.undefined, substitution.alone)

    def _valid(
        self, config: Config, context: Config, *, trying: bool = False, share: bool = False
    ) -> tuple[FastBackend, _Expanded]:
        """Return a backend with a configuration that is valid, and what that was made of.

        ``trying``: examples stand for numbers and booleans whose variables have no value. ``share``: see ``_expanded``.
        """
        parts = self._expanded(config, context, share=share)
        mistakes = self._put_in_numbers(parts, context, trying=trying) if parts.alone else []
        try:
            instance = self._validated(parts)
        except (ValidationError, SchemaError) as error:
            found = error
        else:
            if mistakes:
                raise _invalid(None, mistakes)
            return instance, parts
        parts = self._expanded(config, context)
        # a value that does not look like a number may be meant for one all the same
        mistakes = self._put_in_numbers(parts, context, trying=trying, texts=trying)
        if trying:
            try:
                instance = self._validated(parts)
            except (ValidationError, SchemaError) as error:
                found = error
            else:
                if not mistakes:
                    return instance, parts
        known = {mistake.path for mistake in mistakes}
        mistakes += [each for each in self._mistakes(parts) if each.path not in known]
        raise _invalid(None if mistakes else found, mistakes) from found

    def _mistakes(self, parts: _Expanded) -> list[Mistake]:
        """Return all that the schema finds wrong, with the variables that are involved."""

        def variables_at(path: Path) -> list[str]:
            return sorted(names(value_at(parts.merged, path)))

        instance = make_instance(self.backend, parts.config, parts.plain, self.dsa)
        return find_mistakes(instance.schema, instance.config, variables_at)

    def _validated(self, parts: _Expanded) -> FastBackend:
        instance = make_instance(self.backend, parts.config, parts.plain, self.dsa)
        instance.shared = parts.shared
        _validate(instance)
        return instance

    def _is_valid(self, parts: _Expanded) -> bool:
        try:
            self._validated(parts)
        except (NetJsonConfigException, SchemaError, RenderingError):
            return False
        return True

    def _put_in_numbers(self, parts: _Expanded, context: Config, *, trying: bool, texts: bool = False) -> list[Mistake]:
        """Make numbers and booleans of variables where the schema wants some; return what is wrong with them.

        Where there is none, an example shows what else is wrong; with ``texts`` also in place of a text.
        """
        usual = self._probe.schema is self.backend.schema
        known = paths_of_numbers(self.backend) if usual and not texts else None
        places = find_places(self._probe.schema, parts.merged, known, texts=texts)
        if not places:
            return []
        left, mistakes = put_in(parts.config, places, context.__contains__)
        if not trying:
            mistakes += [without_value(place) for place in left if place.variable not in context]
        fill(parts.config, left, lambda: self._is_valid(parts))
        return mistakes


def stack_of(backend: str, templates: Sequence[Config], *, dsa: bool | None = None) -> Stack:
    """Return a :class:`Stack`, if possible the one that was made for templates with the same contents before.

    Takes and raises what ``Stack`` does.
    """
    try:
        packed = [marshal.dumps(cast(Any, template), _PLAIN) for template in templates]
    except ValueError:  # nothing that JSON could hold, or nested too deeply
        return Stack(backend, templates, dsa=dsa)
    return _stack_of(backend, dsa, *packed)


#: The version of the format in which equal values are equal bytes, whether they are one object or two.
_PLAIN = 2


@lru_cache(maxsize=16)
def _stack_of(backend: str, dsa: bool | None, *packed: bytes) -> Stack:
    return Stack(backend, [marshal.loads(template) for template in packed], dsa=dsa)


class _Expanded(NamedTuple):
    """A configuration with its variables put in as texts."""

    merged: dict[str, Any]
    """Before that; it shares parts with templates."""
    config: dict[str, Any]
    """After that, all its own."""
    plain: bool
    """Whether it is plain JSON."""
    undefined: set[str]
    """Names of variables that have no value."""
    alone: set[str]
    """Names of variables that may stand for a number or a boolean."""
    shared: Shared | None = None
    """Where parts of it are shared."""


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
    except (ValidationError, SchemaError) as error:
        raise _invalid(error) from error
    except RecursionError as error:
        raise RenderingError("The configuration is nested too deeply.") from error
    except Exception as error:
        raise RenderingError(f"The configuration cannot be rendered: {describe(error)}.") from error


def _invalid(error: ValidationError | SchemaError | None, mistakes: Sequence[Mistake] = ()) -> InvalidConfiguration:
    """Return an error of the schema, if any, and other mistakes as one error."""
    found = list(mistakes)
    if error is not None:
        told = error.details if isinstance(error, ValidationError) else error
        if tuple(told.absolute_path) not in {mistake.path for mistake in mistakes}:
            found.append(Mistake(tuple(told.absolute_path), told.message))
    first, *more = found
    return InvalidConfiguration(first.text, first.path, more)
