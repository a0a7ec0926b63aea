"""Calling VPN servers: durable, tried again with growing pauses, and people hear when one fails or works again."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now

from ...common import claims
from ...common.registry import Registry
from ...common.wakeup import wake
from ..models import ServerCall, Vpn
from ..settings import settings

logger = logging.getLogger(__name__)
#: While it runs, a call is out of reach for others; longer than any call takes.
LEASE = timedelta(minutes=5)
RETRIED = frozenset({429, 500, 502, 503, 504})
#: What is said to people, by kind of call; others are only logged.
ACTIONS = {
    "webhook": "update",
    "create": "create network",
    "update": "update",
    "network_join": "network join",
    "update_member": "update member",
    "remove_member": "remove member",
}


@dataclass(frozen=True)
class CallKind:
    """How calls of one kind are made, and what follows."""

    make: Callable[[ServerCall, Vpn | None], httpx.Response | None]
    """Makes the call; returns the answer, or None if there is nothing to do any more."""
    then: Callable[[ServerCall, Vpn | None], None] | None = None
    """What follows when the call was answered well."""


#: The kinds of calls by the value that is stored in ``ServerCall.kind``.
kinds: Registry[CallKind] = Registry("kind of calls to VPN servers")


def schedule(kind: str, vpn_id: uuid.UUID, subject: str = "", **arguments: Any) -> None:
    """Write down a call in the current transaction and make it after the commit; calls of one kind are one call."""
    values: dict[str, Any] = {"arguments": arguments, "due": Now(), "attempts": 0}
    ServerCall.objects.update_or_create(
        kind=kind,
        vpn_id=vpn_id,
        subject=subject,
        defaults=values,
    )
    wake("config.call_servers")


def run_due() -> int:
    """Make the calls that are due, one after the other; return how many there were."""
    return _DUE.all()


def exist_due() -> bool:
    """Tell whether a call is to be made."""
    return _due().exists()


def _due() -> Any:
    longest = timedelta(seconds=settings.API_TASK_RETRY_OPTIONS.get("retry_backoff_max", 600))
    return ServerCall.objects.filter(claims.passed("due", max(LEASE, longest)))


def _claim(prepared: Any = None, failed: Collection[int] = ()) -> ServerCall | None:
    rows = _due().exclude(pk__in=failed).order_by("due", "pk").annotate(now=Now())
    call: Any = claims.lock(rows).first()
    if call is not None:
        call.due = call.now + LEASE
        call.save(update_fields=["due"])
    return call


def _make(call: ServerCall, prepared: Any = None) -> None:
    vpn = Vpn.objects.select_related("ip", "subnet").filter(pk=call.vpn_id).first()
    token = str((vpn.auth_token if vpn is not None else call.arguments.get("auth_token")) or "")
    try:
        response = kinds[call.kind].make(call, vpn)
        if response is not None and response.status_code >= 300:
            raise _Answered(response)
    except (httpx.HTTPError, OSError) as error:
        _failed(call, vpn, type(error).__name__, _without(token, str(error) or type(error).__name__), retry=True)
    except ValidationError as error:
        _failed(call, vpn, type(error).__name__, _without(token, " ".join(error.messages)), retry=True)
    except _Answered as error:
        retry = error.status in RETRIED
        _failed(call, vpn, "HTTPError", _without(token, str(error)), retry=retry)
    except Exception as error:  # one broken call must not stop the others
        logger.exception("Calling VPN server %s failed unexpectedly", call.vpn_id)
        _failed(call, vpn, type(error).__name__, _without(token, str(error)), retry=True)
    else:
        _succeeded(call, vpn)


class _Answered(Exception):
    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"the server answered {response.status_code} {response.reason_phrase}")
        self.status = response.status_code


def _without(token: str | None, text: str) -> str:
    for form in {token, quote(token, safe=""), quote_plus(token)} if token else ():
        text = text.replace(form, "…")
    return text


def _succeeded(call: ServerCall, vpn: Vpn | None) -> None:
    with transaction.atomic():
        ServerCall.objects.filter(pk=call.pk, due=call.due).delete()  # unless it was asked for again meanwhile
        then = kinds[call.kind].then
        if then is not None:
            then(call, vpn)
        _remember_failure(call, vpn, failed=False)
    logger.info("Call %s of VPN server %s was answered", call.kind, call.vpn_id)


def _failed(call: ServerCall, vpn: Vpn | None, kind: str, reason: str, *, retry: bool) -> None:
    """Try again later, ever more rarely; where that makes no sense, forget the call. Tell people once."""
    options = settings.API_TASK_RETRY_OPTIONS
    tries = options.get("max_retries", 5)
    level = logging.WARNING if retry and call.attempts < tries else logging.ERROR
    logger.log(level, "Call %s of VPN server %s failed (try %d of %d): %s", call.kind, call.vpn_id,
               min(call.attempts, tries) + 1, tries + 1, reason)  # fmt: skip
    with transaction.atomic():
        mine = ServerCall.objects.filter(pk=call.pk, due=call.due)
        if not retry or (vpn is None and call.attempts >= tries):
            mine.delete()
        else:
            pause = settings.pause_before_retry(call.attempts)
            mine.update(due=Now() + timedelta(seconds=pause), attempts=min(call.attempts + 1, tries))
            wake("config.call_servers", countdown=pause)
        if not retry or call.attempts >= tries:
            _remember_failure(call, vpn, failed=True, kind=kind, reason=reason)


def _remember_failure(call: ServerCall, vpn: Vpn | None, *, failed: bool, kind: str = "", reason: str = "") -> None:
    """Keep which actions fail, and tell people when one begins or ceases to."""
    action = ACTIONS.get(call.kind)
    if vpn is None or action is None:
        return
    row = Vpn.objects.select_for_update(no_key=True).filter(pk=vpn.pk).values_list("failing", flat=True).first()
    if row is None or (action in row) == failed:
        return
    Vpn.objects.filter(pk=vpn.pk).update(failing=[*row, action] if failed else [each for each in row if each != action])
    if failed:
        wake("config.notify_server_call_failed", str(vpn.pk), action, kind, reason)
    else:
        wake("config.notify_server_call_recovered", str(vpn.pk), action)


_DUE = claims.Work("Call", _claim, _make, is_leased=True)
