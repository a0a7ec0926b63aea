"""The models of the connection app, one file per aggregate."""

from .batch_command import BatchCommand
from .command import Command
from .connection import DeviceConnection
from .credentials import Credentials
from .host_key import HostKey
from .push import Push, PushCount

__all__ = ["BatchCommand", "Command", "Credentials", "DeviceConnection", "HostKey", "Push", "PushCount"]
