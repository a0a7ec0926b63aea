"""NetJSON in, configuration archive out.

Pure: knows neither Django nor the database, reads no settings and touches no files. The archives are the
same, byte for byte, as those of netjsonconfig, except that sizes of files count bytes instead of characters.
"""

from .archive import Archive, ArchiveFile, list_files
from .backends import load_backend
from .blame import Blame, explain
from .errors import InvalidConfiguration, RenderingError, UnknownBackend
from .stack import Stack

__all__ = [
    "Archive",
    "ArchiveFile",
    "Blame",
    "InvalidConfiguration",
    "RenderingError",
    "Stack",
    "UnknownBackend",
    "explain",
    "list_files",
    "load_backend",
]
