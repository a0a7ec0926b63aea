"""Who sends a request: tokens of people, looked up by a prepared query, for every request of a program brings one."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from openwisp_users.api.authentication import BearerAuthentication
from rest_framework.authentication import SessionAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import AuthenticationFailed

from ..prepared import Parameter, Prepared

_token = Prepared[Token](lambda: Token.objects.select_related("user").filter(key=Parameter("key", Token, "key")))


class TokenAuthentication(BearerAuthentication):
    """The header ``Authorization: Bearer TOKEN``; raises ``AuthenticationFailed`` for unknown tokens."""

    def authenticate_credentials(self, key: str) -> tuple[Any, Token]:
        token = _token.first(key=key)
        if token is None:
            raise AuthenticationFailed(_("Invalid token."))
        if not token.user.is_active:
            raise AuthenticationFailed(_("User inactive or deleted."))
        return token.user, token


AUTHENTICATION = (TokenAuthentication, SessionAuthentication)
