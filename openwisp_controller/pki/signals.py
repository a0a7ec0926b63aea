"""Signals of the certificates app. For others there is ``django_x509.signals.x509_renewed``, sent after the commit."""

from django.dispatch import Signal

renewing = Signal()
"""Arguments: instance (Ca or Cert). It is about to get a new key; sent inside the transaction, before any lock."""

renewed = Signal()
"""Arguments: instance (Ca or Cert). It got a new key and is stored; sent inside the transaction."""
