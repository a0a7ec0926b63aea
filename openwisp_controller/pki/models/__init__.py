"""Certification authorities and certificates, of one organization or shared by all."""

from .ca import Ca, ReplacedCertificate
from .cert import Cert

__all__ = ["Ca", "Cert", "ReplacedCertificate"]
