"""Parameters of credentials with their secrets masked: who sees what, and what a mask stands for when it comes back."""

from __future__ import annotations

from typing import Any

from ..common.masking import MASK
from ..common.rest.permissions import may_see_secrets
from .models import Credentials

_SECRET = ("password", "key", "community")


def shown_params(credentials: Credentials, user: Any) -> dict[str, Any]:
    """Return the parameters with the secrets masked; in clear for those who may change the credentials.

    Args:
        user: who asks; None = nobody may see secrets here.
    """
    params: dict[str, Any] = dict(credentials.params)
    if user is not None and may_see_secrets(user, credentials):
        return params
    secret = getattr(credentials.connector_class, "secret_params", _SECRET)
    return {name: MASK if name in (*secret, *_SECRET) else value for name, value in params.items()}


def restore_masked(params: Any, stored: dict[str, Any]) -> Any:
    """Return parameters in which a mask stands for the stored value."""
    if not isinstance(params, dict):
        return params
    return {name: stored[name] if value == MASK and name in stored else value for name, value in params.items()}
