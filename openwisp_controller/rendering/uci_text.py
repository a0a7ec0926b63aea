"""Writing UCI: every value exactly as it is, no name that the device refuses, no two sections in one.

Type, name and options come from netjsonconfig's intermediate data. Bytes are those of its templates wherever these
write what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from ..uci import UciError, parse
from .archive import check_name
from .errors import RenderingError, Unwritable

Block = Mapping[str, Any]

_NAME = re.compile(r"[A-Za-z0-9_]+")
_PACKAGE = re.compile(r"[A-Za-z0-9_-]+")
_TYPE = re.compile(r"[\x21-\x7e]+")
_SPECIAL_IN_TYPES = re.compile(r"['\"\\;#]")
_PLAIN = "only letters, digits and underscores are possible"
#: Options that tell what a generated section stands for: where they differ, two sections of one name are two things.
_IDENTITY: dict[str, tuple[str, ...]] = {
    "device": ("name",),
    "interface": ("device", "ifname"),
    "bridge-vlan": ("device", "vlan"),
    "route": ("interface", "target"),
    "route6": ("interface", "target"),
    "rule": ("in", "out", "src", "dest", "lookup"),
    "rule6": ("in", "out", "src", "dest", "lookup"),
    "switch": ("name",),
    "switch_vlan": ("device", "vlan"),
    "wifi-iface": ("ifname", "device"),
    "led": ("name",),
    "openvpn": ("dev",),
    "network": ("id",),
}


def block_text(package: str, block: Block, quote: str) -> str:
    """Write one section of a package; see :func:`packages`."""
    lines = [_heading(package, block, quote)]
    write = lines.append
    for key, value in block.items():
        if value is None or value == "" or key.startswith("."):
            continue
        # quicker than the expression, which has the last word
        if not (key.isidentifier() and key.isascii()) and not _NAME.fullmatch(key):
            _refuse_option(package, block, key)
        if isinstance(value, str):
            if "'" in value:
                value = _escape(value)
            write(f"\toption {quote}{key}{quote} '{value}'")
        elif value is True or value is False:
            write(f"\toption {quote}{key}{quote} '{value:d}'")
        elif hasattr(value, "__iter__"):
            for item in value:
                write(f"\tlist {quote}{key}{quote} '{_escape(str(item))}'")
        else:
            write(f"\toption {quote}{key}{quote} '{value}'")
    write("\n")
    text = "\n".join(lines)
    if "\0" in text:
        raise Unwritable(f'A value of the UCI package "{package}" has a character NUL, which ends a text.', "\0")
    return text


def packages(
    data: Mapping[str, Sequence[Block]], quote: str = "", text_of: Callable[[str, Block, str], str] = block_text
) -> Iterator[tuple[str, str]]:
    """Write packages of UCI, each as its name and its text without the line ``package``.

    Every section ends with an empty line, but for the last of all, as in netjsonconfig's archives.

    Args:
        data: sections by package, each with its options, ``.type`` and ``.name``.
        quote: stands around types and names of options (an apostrophe in the legacy dialect).
        text_of: writes a section, as :func:`block_text` does.

    Raises:
        Unwritable: a name is refused by the device, or a value cannot be written.
    """
    left = len(data)
    for package, blocks in data.items():
        left -= 1
        if not _PACKAGE.fullmatch(package):
            _refuse_package(package)
        text = "".join([text_of(package, block, quote) for block in blocks])
        yield package, (text if left else text[:-1])


def _escape(value: str) -> str:
    """Return what stands between apostrophes for a value; everything but an apostrophe stands for itself."""
    return value.replace("'", "'\\''")


def _heading(package: str, block: Block, quote: str) -> str:
    kind, name = str(block.get(".type", "")), str(block.get(".name", ""))
    if not _TYPE.fullmatch(kind):
        raise Unwritable(
            f'{_shown(kind)} cannot be the type of a section (section {_shown(name)} of the UCI package "{package}"): '
            "only visible ASCII characters are possible, no spaces.",
            kind,
        )
    if name and not _NAME.fullmatch(name):  # a section without a name is an anonymous one
        raise Unwritable(
            f'{_shown(name)} cannot be the name of a section (of type "{kind}" in the UCI package "{package}"): '
            f"{_PLAIN}.",
            name,
        )
    if quote or _SPECIAL_IN_TYPES.search(kind):
        kind = f"'{_escape(kind)}'"
    return f"config {kind} '{name}'"


def _refuse_package(name: str) -> NoReturn:
    try:
        check_name(name)
    except RenderingError as error:
        raise Unwritable(error.message, name) from error
    raise Unwritable(f"{_shown(name)} cannot be the name of a UCI package: {_PLAIN}, and hyphens.", name)


def _refuse_option(package: str, block: Block, key: str) -> NoReturn:
    raise Unwritable(
        f"{_shown(key)} cannot be the name of an option (section {_shown(str(block.get('.name', '')))} "
        f'of the UCI package "{package}"): {_PLAIN}.',
        key,
    )


def _shown(text: str) -> str:
    """Quote a name for people, line breaks and the like made visible."""
    return '"' + "".join(char if char.isprintable() else repr(char)[1:-1] for char in text[:100]) + '"'


def check_apart(package: str, blocks: Sequence[Block], known: Sequence[Block] = ()) -> None:
    """Make sure that no two sections would become one because they have the same name.

    Sections of one type may lay options upon a known one: that is how configurations add to what is generated.

    Args:
        package: which the sections belong to.
        blocks: made together.
        known: sections that were there before.

    Raises:
        Unwritable: two sections of one name have different types, or stand for different things.
    """
    types = {str(block.get(".name")): block.get(".type") for block in known}
    first: dict[str, Block] = {}
    for block in blocks:
        name = str(block.get(".name") or "")
        if not name:
            continue
        if name in types and types[name] != block.get(".type"):
            refuse_same_name(package, name)
        other = first.setdefault(name, block)
        if other is not block and not _same(other, block):
            refuse_same_name(package, name)


def _same(one: Block, other: Block) -> bool:
    """Whether two sections of one name are the same thing."""
    kind = one.get(".type")
    if kind != other.get(".type"):
        return False
    options: Sequence[str] = _IDENTITY.get(str(kind), ())
    if "bridge" in (one.get("type"), other.get("type")):
        options = [option for option in options if option != "ifname"]  # its members
    return all(one[option] == other[option] for option in options if option in one and option in other)


def refuse_same_name(package: str, name: str) -> NoReturn:
    """Raise :class:`Unwritable` for two sections that would become one."""
    raise Unwritable(
        f'Two different sections of the UCI package "{package}" would have the same name {_shown(name)}, '
        "so the device would take them for one: choose another name for one of them.",
        name,
    )


def check_file(path: str, package: str, contents: str, generated: Mapping[str, Sequence[Block]]) -> None:
    """Check a file that the device will read as a UCI package.

    Args:
        path: of the file, as it was written.
        package: name of the package it becomes, the empty text if none (files in directories).
        contents: of the file.
        generated: sections by package, made from the rest of the configuration.

    Raises:
        Unwritable: the name is none of a package, the text is not UCI, or the file would replace what is generated.
    """
    if package and not _PACKAGE.fullmatch(package):
        raise Unwritable(f'The file "{path}" cannot be a UCI package: in its name {_PLAIN}, and hyphens.', path)
    if generated.get(package):
        raise Unwritable(
            f'The file "{path}" would replace the settings of the UCI package "{package}" that are made from the rest '
            "of the configuration: write them there instead of in a file.",
            path,
        )
    try:
        if "\0" in contents:
            raise UciError("a character NUL ends the text", contents[: contents.index("\0")].count("\n") + 1)
        parse(contents, package)
    except UciError as error:
        raise Unwritable(f'The file "{path}" is not UCI, {_short(str(error))}.', path) from error


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"
