"""The editors of the administration: the tests of their own language, and what is built of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "openwisp_controller/config/static/config/built"


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_schemas_and_texts() -> None:
    done = subprocess.run(["node", "--test"], cwd=ROOT / "frontend", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_lock_file_names_no_registry() -> None:
    text = (ROOT / "frontend/package-lock.json").read_text()
    assert "resolved" not in text
    assert "://registry" not in text


@pytest.mark.skipif(not BUILT.exists(), reason="the editors are not built")
def test_licences_of_the_libraries_come_with_them() -> None:
    text = (BUILT / "licenses.txt").read_text()
    for name in ("@codemirror/view", "@lezer/json", "jsonc-parser"):
        assert name in text
    assert "eval(" not in (BUILT / "editor.js").read_text() + (BUILT / "code.js").read_text()
