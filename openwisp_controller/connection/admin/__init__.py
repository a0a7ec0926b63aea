"""Administration pages of credentials, connections and commands."""

from . import device
from .batch_command import BatchCommandAdmin
from .credentials import CredentialsAdmin

__all__ = ["BatchCommandAdmin", "CredentialsAdmin", "device"]
