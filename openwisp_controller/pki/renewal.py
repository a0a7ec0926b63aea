"""Renewing CAs and what follows: the certificates that a CA signed are renewed, one transaction each.

Which ones are still to do stands in their rows, so it goes on wherever it was interrupted.
"""

from __future__ import annotations

import logging
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import Q
from django_x509.base.models import default_ca_validity_end

from ..common.wakeup import wake
from . import issuing, signals
from .models import Ca, Cert

logger = logging.getLogger(__name__)
#: So many certificates are renewed while somebody waits; more are left to the background.
AT_ONCE = 2


def renew_ca(ca: Ca, key: issuing.PrivateKey | None = None) -> None:
    """Give a CA a new key and certificate; the certificates that it signed follow.

    A few are renewed at once, many in the background. Until its own certificate is renewed, no device and no
    server is given the new certificate of the CA.

    Args:
        ca: whose key is replaced.
        key: made ahead by the caller.
    """
    key = key or issuing.new_key(ca.key_length)
    with transaction.atomic():
        ca.reissue(key, default_ca_validity_end())
    follow(ca)


def follow(ca: Ca) -> None:
    """Renew the certificates of a renewed CA, at once where that is quick."""
    lengths = list(Cert.outdated().filter(ca=ca).values_list("key_length", flat=True)[: AT_ONCE + 1])
    if len(lengths) <= AT_ONCE and all(issuing.is_quick(length) for length in lengths):
        renew_outdated(ca.pk)
    elif lengths:
        wake("pki.renew_outdated", ca.pk)


def renew_outdated(ca_id: int | None = None) -> int:
    """Renew certificates whose CA has a new key, servers' first (they are older); return how many there were.

    Args:
        ca_id: only those of this CA.
    """
    count = 0
    failed: list[int] = []
    while True:
        row = _outdated(ca_id).exclude(pk__in=failed).values_list("pk", "key_length").first()
        if row is None:
            return count
        key = issuing.new_key(row[1])
        try:
            count += _renew(row[0], key)
        except SoftTimeLimitExceeded:
            raise
        except Exception:  # one that cannot be signed must not stop the others
            logger.exception("Renewing certificate %s failed", row[0])
            failed.append(row[0])


def _renew(pk: int, key: issuing.PrivateKey) -> bool:
    """Renew one certificate, unless somebody else has done so meanwhile."""
    with transaction.atomic():
        cert = Cert.outdated().select_related("ca").filter(pk=pk).first()
        if cert is None:
            return False
        # its users are locked before it, so that nobody waits in a circle
        signals.renewing.send(sender=Cert, instance=cert)
        if not Cert.outdated().select_for_update(of=("self",)).filter(pk=pk).exists():
            return False
        cert.renew(key)
    return True


def make_keys() -> int:
    """Make the keys that were left to the background: of new CAs and certificates, and of those to be renewed."""
    models: tuple[type[Ca] | type[Cert], ...] = (Ca, Cert)
    return sum(_make_keys(model) for model in models)


def _make_keys(model: Any) -> int:
    rows = model.objects.filter(Q(certificate="") | Q(renewal_due=True)).order_by("pk")
    count = 0
    for pk, length in list(rows.values_list("pk", "key_length")):
        key = issuing.new_key(length)
        try:
            with transaction.atomic():
                issued = rows.filter(pk=pk).first()
                if issued is None:
                    continue
                if issued.certificate:
                    issued.renew(key)
                else:
                    issuing.issue(issued, key)
                    issued.save()
            count += 1
        except SoftTimeLimitExceeded:
            raise
        except Exception:  # one that cannot be signed must not stop the others
            logger.exception("Making the key of %s %s failed", model.__name__, pk)
    return count


def _outdated(ca_id: int | None) -> Any:
    certs = Cert.outdated().order_by("pk")
    return certs.filter(ca_id=ca_id) if ca_id is not None else certs
