"""Signals of the certificates app. For others there is ``django_x509.signals.x509_renewed``, sent after the commit."""

from django.dispatch import Signal

renewed = Signal()
"""Arguments: instance (Ca or Cert). It got a new key and is stored; sent inside the transaction."""
