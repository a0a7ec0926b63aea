"""Another path under which packages know the helpers."""

from .utils import CreateConnectionsMixin, SshServer, SshTestMixin

__all__ = ["CreateConnectionsMixin", "SshServer", "SshTestMixin"]
