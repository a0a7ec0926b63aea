"""Threads of the embedded server that want to write at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .processes import PATIENCE, environment

pytestmark = pytest.mark.skipif("DATABASE_URL" in os.environ, reason="about SQLite: runs once")

#: One thread writes and makes so many objects that they have to be looked through for cycles; another waits in its
#: connection until it may write; and an error of that connection, a cycle with a cursor in it, is not needed any more.
SCENE = """
import threading
from openwisp_controller.server import embedded
from django.db import OperationalError, connection, transaction

with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE notes (text)")
    cursor.execute("PRAGMA busy_timeout")
    print("patience:", *cursor.fetchone())
is_writing, has_failed, is_waiting = threading.Event(), threading.Event(), threading.Event()
failed, outcome = [], []

def other():
    is_writing.wait()
    connection.ensure_connection()
    connection.connection.execute("PRAGMA busy_timeout = 0")
    try:
        with transaction.atomic():
            outcome.append("wrote too early")
    except OperationalError as error:
        failed.append(error)
    connection.connection.execute("PRAGMA busy_timeout = 20000")
    connection.connection.set_trace_callback(lambda statement: is_waiting.set())
    has_failed.set()
    try:
        with transaction.atomic():
            outcome.append("wrote")
    except OperationalError as error:
        outcome.append(str(error))

thread = threading.Thread(target=other)
thread.start()
with transaction.atomic():
    is_writing.set()
    has_failed.wait()
    is_waiting.wait()
    threading.Event().wait(0.1)
    failed.clear()
    kept = [[number] for number in range(100_000)]
thread.join()
print("outcome:", *outcome)
"""


def test_a_thread_that_writes_is_not_kept_by_one_that_waits(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", SCENE], env=environment(OPENWISP_DATA_DIR=str(tmp_path / "data")), text=True,
        capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert "patience: 20000\n" in result.stdout, result.stdout + result.stderr
    assert "outcome: wrote" in result.stdout, result.stdout + result.stderr
