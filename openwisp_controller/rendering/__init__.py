"""NetJSON in, configuration archive out.

Pure: knows neither Django nor the database, reads no settings and touches no files. The archives are the
same, byte for byte, as those of netjsonconfig wherever these say what was written; where they do not, values are exact,
two sections never become one, and what the device would refuse is an error.
"""

from .archive import Archive, ArchiveFile, limit_archives, list_files
from .backends import load_backend
from .blame import Blame, explain
from .difference import diff
from .errors import InvalidConfiguration, RenderingError, UnknownBackend, UnreadableConfiguration
from .overlaps import Layered, Overlap, find_overlaps
from .stack import Stack, stack_of
from .variables import names as variable_names

__all__ = [
    "Archive",
    "ArchiveFile",
    "Blame",
    "InvalidConfiguration",
    "Layered",
    "Overlap",
    "RenderingError",
    "Stack",
    "UnknownBackend",
    "UnreadableConfiguration",
    "diff",
    "explain",
    "find_overlaps",
    "limit_archives",
    "list_files",
    "load_backend",
    "stack_of",
    "variable_names",
]
