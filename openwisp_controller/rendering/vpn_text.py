"""Writing the files of OpenVPN and WireGuard servers: one directive a line, every value exactly as it is.

These languages have no way to write a line break inside of a value, so one that would begin another directive is
refused. Bytes are those of netjsonconfig's templates wherever these write what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .errors import Unwritable

_SECOND_LINE = re.compile(r"[\n\r]\s*\S|\0")


def openvpn(data: Mapping[str, Any]) -> str:
    """Return the configurations of all tunnels, each below a comment with its name.

    Raises:
        Unwritable: a name or value has several lines.
    """
    return _ended(f"# openvpn config: {_name('OpenVPN', vpn)}\n\n{_openvpn(vpn)}\n" for vpn in data.get("openvpn", ()))


def _openvpn(vpn: Mapping[str, Any]) -> str:
    lines = []
    for option, value in vpn.items():
        key = option.replace("_", "-")
        if key == "name" or value is None:
            continue
        if value is True:
            texts = [key]
        elif isinstance(value, (str, int, float)):
            texts = [f"{key} {value}"]
        else:
            texts = [f"{key} {item}" for item in value]
        lines += [_one_line(text, "OpenVPN", vpn, option) for text in texts]
    return "".join(lines)


def wireguard(data: Mapping[str, Any]) -> str:
    """Return the configurations of all tunnels with their peers, each below a comment with its name.

    Raises:
        Unwritable: a name or value has several lines.
    """
    tunnels = data.get("wireguard", ())
    return _ended(f"# wireguard config: {_name('WireGuard', vpn)}\n\n{''.join(_wireguard(vpn))}" for vpn in tunnels)


def _wireguard(vpn: Mapping[str, Any]) -> Iterator[str]:
    yield "[Interface]\n"
    for key, value in vpn.items():
        if key not in ("name", "peers"):
            yield _one_line(f"{key} = {value}", "WireGuard", vpn, key)
    yield "\n"
    for peer in vpn.get("peers", ()):
        yield "[Peer]\n"
        for key, value in peer.items():
            if value:
                yield _one_line(f"{key} = {value}", "WireGuard", vpn, key)
        yield "\n"


def _ended(tunnels: Iterable[str]) -> str:
    text = "".join(tunnels)
    return text[:-1] if text.endswith("\n\n") else text


def _name(kind: str, vpn: Mapping[str, Any]) -> str:
    name = str(vpn.get("name", ""))
    if "\n" in name or "\r" in name or "\0" in name:
        raise Unwritable(f"The name of an {kind} tunnel cannot have line breaks: {name!r}.", name)
    return name


def _one_line(text: str, kind: str, vpn: Mapping[str, Any], option: str) -> str:
    if ("\n" in text or "\r" in text or "\0" in text) and _SECOND_LINE.search(text):
        found = _SECOND_LINE.search(option) and option
        raise Unwritable(
            f'The option {option!r} of the {kind} tunnel "{vpn.get("name", "")}" has more than one line: '
            f"{kind} would take each for an option of its own.",
            found or _value_with_lines(vpn.get(option)),
        )
    return f"{text}\n"


def _value_with_lines(value: Any) -> str:
    """Return the text at fault in a value or list, as far as it still stands there as it was written."""
    values = [value] if isinstance(value, str) else value if isinstance(value, (list, tuple)) else ()
    return next((item for item in values if isinstance(item, str) and _SECOND_LINE.search(item)), "\n")
