"""Where the processes of one server write what they count for Prometheus, so that any of them can add it up.

The library looks for the directory when it is imported, so nothing here imports it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from . import environment

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def made() -> Iterator[None]:
    """Make an empty directory for processes that are started inside, if anybody may see what they count.

    To be entered before Django is set up. The directory is removed at the end.
    """
    if not environment.metrics_token():
        yield
        return
    with tempfile.TemporaryDirectory(prefix="openwisp-controller-metrics-") as directory:
        os.environ[VARIABLE] = directory
        yield
