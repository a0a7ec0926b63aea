"""Background tasks: thin, idempotent, taking keys. What is to do stands in the database, see ``maintenance.py``."""

from __future__ import annotations

from celery import shared_task

from . import impacts, imports, maintenance, notifications
from .delivery import jobs, notices
from .devices import sightings
from .policy import evaluation
from .vpn import credentials, outbound_calls, servers
from .whois.tasks import cleanup_unreferenced_whois_records, delete_whois_record, fetch_whois_details

__all__ = ["cleanup_unreferenced_whois_records", "delete_whois_record", "fetch_whois_details"]


@shared_task(soft_time_limit=7200)
def compile_stale() -> int:
    """Compile all stale configurations."""
    return maintenance.compile_stale()


@shared_task(soft_time_limit=7200)
def run_jobs() -> int:
    """Run the jobs that are written down."""
    return jobs.run_all()


@shared_task
def redeliver_signals() -> int:
    """Send signals left behind by an interrupted worker."""
    return evaluation.redeliver()


@shared_task(soft_time_limit=7200)
def reconcile() -> None:
    """Find and do what was left undone; runs periodically."""
    maintenance.reconcile()


@shared_task(soft_time_limit=3600)
def prune_revisions() -> int:
    """Delete old revisions, and what is left of deleted devices; runs periodically."""
    sightings.forget_gone()
    return maintenance.prune_revisions()


@shared_task(soft_time_limit=7200)
def compile_servers() -> int:
    """Compile all stale VPN servers."""
    return servers.compile_stale()


@shared_task(soft_time_limit=7200)
def make_client_credentials() -> int:
    """Make the certificates and identities that VPN clients wait for."""
    return credentials.make_all()


@shared_task(soft_time_limit=3600)
def call_servers() -> int:
    """Make the calls to VPN servers that are due."""
    return outbound_calls.run_due()


@shared_task
def deliver_notices() -> int:
    """Tell people what happened."""
    return notices.deliver_all()


@shared_task
def notify_addresses_exhausted(vpn_id: str) -> None:
    """Notify people that a VPN server has no address left for devices."""
    notifications.addresses_exhausted(vpn_id)


@shared_task
def notify_server_call_failed(vpn_id: str, action: str, kind: str, reason: str) -> None:
    """Notify people that a VPN server cannot be told of changes."""
    notifications.server_call_failed(vpn_id, action, kind, reason)


@shared_task
def notify_server_call_recovered(vpn_id: str, action: str) -> None:
    """Notify people that a VPN server can be told of changes again."""
    notifications.server_call_recovered(vpn_id, action)


@shared_task
def notify_address_refused(device_id: str, address: str) -> None:
    """Notify people that a device claimed the management address of a device of another organization."""
    notifications.address_refused(device_id, address)


@shared_task
def notify_whois_failed(device_id: str, address: str) -> None:
    """Notify people that what is known about the address of a device could not be fetched."""
    notifications.whois_failed(device_id, address)


@shared_task(soft_time_limit=3600)
def preview_impact(key: str) -> None:
    """Look at further devices for the preview of an edit; ``key`` says of which."""
    impacts.go_on(key)


@shared_task(soft_time_limit=7200)
def run_device_imports() -> int:
    """Check and import the files of devices that wait for it."""
    return imports.run_all()


@shared_task
def forget_device_imports() -> None:
    """Delete files of devices that nobody confirmed, and old reports; runs periodically."""
    imports.forget_old()
