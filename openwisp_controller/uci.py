"""Reader and writer for UCI, OpenWrt's configuration language, with the rules of the device's library."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

Value = str | list[str]

_NAME = re.compile(r"[A-Za-z0-9_]+")
_PACKAGE_NAME = re.compile(r"[A-Za-z0-9_-]+")
_TYPE = re.compile(r"[\x21-\x7e]+")
_FORBIDDEN_IN_VALUES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# One alternative for each kind of token; the first four are parts of words.
_TOKEN = re.compile(
    r"""([^ \t\r\f\v\n;#'"\\]+)"""  # 1: bare
    r"""|'([^']*)'"""  # 2: in single quotes
    r"""|"([^"\\]*(?:\\.[^"\\]*)*)\""""  # 3: in double quotes
    r"""|(\\(?:.|\Z))"""  # 4: escaped
    r"""|([ \t\r\f\v]+)"""  # 5: blanks
    r"""|([\n;])"""  # 6: end of the statement
    r"""|(\#[^\n]*)""",  # 7: comment
    re.DOTALL,
)
_SINGLE, _ESCAPE, _END = 2, 4, 6
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)


class UciError(ValueError):
    """The text is not UCI. ``line`` is the number, from 1, of the line at fault."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


@dataclass
class UciSection:
    """One ``config`` block: an option holds a text, a list several; anonymous without a name."""

    type: str
    name: str | None = None
    options: dict[str, Value] = field(default_factory=dict)


@dataclass
class UciPackage:
    """One file of ``/etc/config``."""

    name: str
    sections: list[UciSection] = field(default_factory=list)

    def section(self, name: str) -> UciSection | None:
        """Return the section with that name, or None."""
        return next((section for section in self.sections if section.name == name), None)


@dataclass(frozen=True)
class _Statement:
    words: tuple[str, ...]
    line: int


def parse(text: str, name: str = "") -> UciPackage:
    """Read one package, the way the device reads a file of ``/etc/config``.

    Args:
        text: of the file.
        name: of the package, the file name; ``package`` lines inside the text are ignored unless it is empty.

    Raises:
        UciError: with the number of the line that cannot be understood.
    """
    package = UciPackage(name)
    builder = _Builder(package)
    for statement in _statements(text):
        if statement.words[0] in ("p", "package"):
            package.name = package.name or _package_name(statement)
        else:
            builder.add(statement)
    return package


def parse_export(text: str) -> list[UciPackage]:
    """Read several packages from one text, each after a ``package`` line, as ``uci export`` writes them.

    Raises:
        UciError: with the number of the line that cannot be understood.
    """
    packages: dict[str, _Builder] = {}
    builder: _Builder | None = None
    for statement in _statements(text):
        if statement.words[0] in ("p", "package"):
            name = _package_name(statement)
            builder = packages.setdefault(name, _Builder(UciPackage(name)))
            builder.close_section()
        elif builder is None:
            raise UciError(f"{statement.words[0]!r} comes before the first package", statement.line)
        else:
            builder.add(statement)
    return [builder.package for builder in packages.values()]


def dump(package: UciPackage) -> str:
    """Write a package as text which ``parse`` reads back to an equal package."""
    return "\n".join(_dump_section(section) for section in package.sections)


def merge(base: UciPackage, over: UciPackage) -> UciPackage:
    """Return a new package: the sections of ``base`` with those of ``over`` laid upon them, by option.

    A named section of ``over`` that ``base`` has with another type replaces it; anonymous sections are
    appended.
    """
    merged = UciPackage(over.name, [_copy(section) for section in base.sections])
    for section in over.sections:
        mine = merged.section(section.name) if section.name else None
        if mine is None:
            merged.sections.append(_copy(section))
        elif mine.type != section.type:
            merged.sections[merged.sections.index(mine)] = _copy(section)
        else:
            mine.options.update(_copy(section).options)
    return merged


class _Builder:
    """Adds statements to a package."""

    def __init__(self, package: UciPackage) -> None:
        self.package = package
        self._section: UciSection | None = None
        self._named = {section.name: section for section in package.sections if section.name}

    def close_section(self) -> None:
        self._section = None

    def add(self, statement: _Statement) -> None:
        keyword, arguments, line = statement.words[0], statement.words[1:], statement.line
        if keyword in ("c", "config"):
            _expect(keyword, arguments, 1, 2, line)
            self._open_section(arguments[0], arguments[1] if len(arguments) == 2 else "", line)
        elif keyword in ("o", "option"):
            _expect(keyword, arguments, 2, 2, line)
            self._options(keyword, line)[_option_name(arguments[0], line)] = _value(arguments[1], line)
        elif keyword in ("l", "list"):
            _expect(keyword, arguments, 2, 2, line)
            options, name = self._options(keyword, line), _option_name(arguments[0], line)
            old = options.get(name, [])
            options[name] = [*([old] if isinstance(old, str) else old), _value(arguments[1], line)]
        else:
            raise UciError(f"unknown command {keyword!r}", line)

    def _open_section(self, type_: str, name: str, line: int) -> None:
        if not _TYPE.fullmatch(type_):
            raise UciError(f"{type_!r} is no section type", line)
        if name and not _NAME.fullmatch(name):
            raise UciError(f"{name!r} is no section name", line)
        known = self._named.get(name)
        if known is not None and known.type != type_:
            raise UciError(f"section {name!r} was of type {known.type!r} before, now {type_!r}", line)
        if known is None:
            known = UciSection(type_, name or None)
            self.package.sections.append(known)
            if name:
                self._named[name] = known
        self._section = known

    def _options(self, keyword: str, line: int) -> dict[str, Value]:
        if self._section is None:
            raise UciError(f"{keyword!r} outside of a section", line)
        return self._section.options


def _expect(keyword: str, arguments: tuple[str, ...], least: int, most: int, line: int) -> None:
    if len(arguments) < least:
        raise UciError(f"{keyword!r} lacks arguments", line)
    if len(arguments) > most:
        raise UciError(f"{keyword!r} has too many arguments", line)


def _package_name(statement: _Statement) -> str:
    _expect("package", statement.words[1:], 1, 1, statement.line)
    if not _PACKAGE_NAME.fullmatch(statement.words[1]):
        raise UciError(f"{statement.words[1]!r} is no package name", statement.line)
    return statement.words[1]


def _option_name(name: str, line: int) -> str:
    if not _NAME.fullmatch(name):
        raise UciError(f"{name!r} is no option name", line)
    return name


def _value(text: str, line: int) -> str:
    if _FORBIDDEN_IN_VALUES.search(text):
        raise UciError("a value contains control characters", line)
    return text


def _statements(text: str) -> Iterator[_Statement]:
    """Cut the text into statements: one for each line, or part of it ended by ``;``, that is not empty."""
    position, line, started = 0, 1, 1
    words: list[str] = []
    parts: list[str] = []  # of the word that has begun, if any
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:  # an opening quote without its end
            raise UciError(f"unterminated {text[position]}", line)
        kind = token.lastindex or 0
        if kind <= _ESCAPE:
            parts.append(_part(kind, token[kind]))
        elif parts:
            words.append("".join(parts))
            parts = []
        if kind == _END and words:
            yield _Statement(tuple(words), started)
            words = []
        position = token.end()
        line += token[0].count("\n")
        if kind == _END:
            started = line
    if parts:
        words.append("".join(parts))
    if words:
        yield _Statement(tuple(words), started)


def _part(kind: int, text: str) -> str:
    """What a part of a word stands for; a backslash before a line end hides it."""
    if kind <= _SINGLE or "\\" not in text:
        return text
    return _ESCAPED.sub(lambda escape: "" if escape[1] == "\n" else escape[1], text)


def _dump_section(section: UciSection) -> str:
    head = f"config {section.type}" if _NAME.fullmatch(section.type) else f"config {_quote(section.type)}"
    lines = [f"{head} {_quote(section.name)}" if section.name else head]
    for name, value in section.options.items():
        lines += _dump_option(name, value)
    return "\n".join(lines) + "\n"


def _dump_option(name: str, value: Value) -> Iterable[str]:
    if isinstance(value, str):
        return [f"\toption {name} {_quote(value)}"]
    return [f"\tlist {name} {_quote(item)}" for item in value]


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _copy(section: UciSection) -> UciSection:
    options = {name: value if isinstance(value, str) else list(value) for name, value in section.options.items()}
    return UciSection(section.type, section.name, options)
