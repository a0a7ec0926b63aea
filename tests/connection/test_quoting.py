"""Values that come into remote commands stay values, whatever they are: tried with a real shell."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openwisp_controller.connection.connectors.openwrt.ssh import OpenWrt

#: Text as shells see it: no NUL, which no command can hold, and the worst characters often.
VALUES = st.text(
    st.one_of(st.sampled_from("'\"`$();&|<>*?\\ \t#!{}~-"), st.characters(exclude_characters="\x00", codec="utf-8")),
    min_size=1,
    max_size=40,
)
SINGLE_LINES = VALUES.filter(lambda text: text.isprintable())
FEW = settings(max_examples=40)


class LocalShell(OpenWrt):
    """Runs commands in a shell of this machine, where ``passwd`` only says what it was given."""

    async def aexec_command(self, command: str, *args: Any, stdin: bytes = b"", **kwargs: Any) -> tuple[str, int]:
        script = f'passwd() {{ printf "%s|%s\\n" "$#" "$1"; cat; }}\n{command}'
        done = subprocess.run(  # noqa: ASYNC221  (nobody else is on this loop)
            ["/bin/sh", "-c", script], input=stdin, capture_output=True, check=False
        )
        assert done.stderr == b"", done.stderr
        return done.stdout.decode(), done.returncode


@FEW
@given(password=SINGLE_LINES, user=SINGLE_LINES)
def test_passwords_and_users(password: str, user: str) -> None:
    output, status = LocalShell({}, []).change_password(password, password, user)
    assert (output, status) == (f"1|{user}\n{password}\n{password}\n", 0)


@FEW
@given(name=VALUES.filter(lambda text: "/" not in text and len(text.encode()) < 200 and text not in (".", "..")))
def test_paths(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    directory: Path = tmp_path_factory.mktemp("upload")
    LocalShell({}, []).upload(io.BytesIO(b"content"), f"{directory}/{name}")
    assert [(path.name, path.read_bytes()) for path in directory.iterdir()] == [(name, b"content")]
