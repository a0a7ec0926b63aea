"""Giving credentials that add themselves to devices: one statement, however many devices."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.db import connection, models
from django.utils import timezone
from django.utils.module_loading import import_string

from ..common.sql import binding_cursor
from ..config.compiling import concurrent_edits
from ..config.models import Config, Device, Job
from .models import Credentials, DeviceConnection
from .settings import settings

logger = logging.getLogger(__name__)
#: The job of adding credentials to existing devices; its subject are the credentials.
AUTO_ADD = "connection_auto_add"
#: Version 4 UUIDs, as the database stores them.
_NEW_KEY = {
    "postgresql": "gen_random_uuid()",
    "sqlite": (
        "lower(hex(randomblob(6)) || '4' || substr(hex(randomblob(2)), 2) || substr('89ab', 1 + abs(random() %% 4), 1)"
        " || substr(hex(randomblob(2)), 2) || hex(randomblob(6)))"
    ),
}
_STATEMENT = """
INSERT INTO {connections} (id, created, modified, device_id, credentials_id, update_strategy, enabled, params,
                           is_working, failure_reason, last_attempt)
SELECT {key}, %s, %s, device.id, credentials.id, CASE config.backend {cases} ELSE '' END, TRUE, '{{}}', NULL, '', NULL
FROM {configs} AS config
JOIN {devices} AS device ON device.id = config.device_id
JOIN {credentials} AS credentials
  ON credentials.organization_id IS NULL OR credentials.organization_id = device.organization_id
WHERE credentials.auto_add AND {subject} = %s AND ({suits}) AND ({which})
ON CONFLICT (device_id, credentials_id) DO NOTHING
"""


def attach_to_device(device_id: Any) -> int:
    """Give a device that has a configuration all credentials that add themselves; return how many are new."""
    return _attach("device.id", Device._meta.pk, device_id)


def attach_to_devices(credentials_id: Any) -> int:
    """Give credentials that add themselves to all devices with a configuration; return how many are new.

    Devices whose backend has no update strategy are left out and logged.
    """
    count = _attach("credentials.id", Credentials._meta.pk, credentials_id)
    _log_unsuitable(credentials_id)
    return count


def step(job: Job) -> None:
    """Add credentials to existing devices; the second time, to those that came while the first look was taken.

    Devices from which a person took them in between do without.
    """
    if job.phase != Job.Phase.RECHECK:
        attach_to_devices(job.subject)
    else:
        which = "age(device.xmin) <= age(%s::xid) OR config.created >= %s"
        values = [job.since, timezone.now() - concurrent_edits.YOUNG]
        _attach("credentials.id", Credentials._meta.pk, job.subject, which, values)


def follow_move(device: Device) -> None:
    """Take away the credentials of the organization that a device left, and give it those of the new one."""
    foreign = DeviceConnection.objects.filter(device=device, credentials__organization__isnull=False)
    foreign.exclude(credentials__organization=device.organization_id).delete()
    attach_to_device(device.pk)


def on_config_created(sender: type[models.Model], instance: Config, created: bool, raw: bool = False, **_: Any) -> None:
    """Receive ``post_save``. What is restored from an earlier version brings its connections with it."""
    if created and not raw:
        attach_to_device(instance.device_id)


def _attach(subject: str, field: Any, key: Any, which: str = "TRUE", values: Sequence[Any] = ()) -> int:
    mapping = settings.CONFIG_UPDATE_MAPPING
    without = [path for path, _ in settings.CONNECTORS if not import_string(path).has_update_strategy]
    suits, suiting = _in("config.backend", list(mapping))
    plain, plain_values = _in("credentials.connector", without)
    quote = connection.ops.quote_name
    statement = _STATEMENT.format(
        key=_NEW_KEY[connection.vendor],
        subject=subject,
        cases=" ".join(["WHEN %s THEN %s"] * len(mapping)) or "WHEN '' THEN ''",
        suits=f"{suits} OR {plain}",
        which=which,
        connections=quote(DeviceConnection._meta.db_table),
        configs=quote(Config._meta.db_table),
        devices=quote(Device._meta.db_table),
        credentials=quote(Credentials._meta.db_table),
    )
    created: Any = DeviceConnection._meta.get_field("created")
    now = created.get_db_prep_save(timezone.now(), connection)
    cases = [text for pair in mapping.items() for text in pair]
    subject_key = field.get_db_prep_value(field.to_python(key), connection)
    with binding_cursor() as cursor:
        cursor.execute(statement, [now, now, *cases, subject_key, *suiting, *plain_values, *values])
        return int(cursor.rowcount)


def _in(column: str, values: Sequence[str]) -> tuple[str, Sequence[str]]:
    return (f"{column} IN ({', '.join(['%s'] * len(values))})", values) if values else ("FALSE", ())


def _log_unsuitable(credentials_id: Any) -> None:
    credentials = Credentials.objects.filter(pk=credentials_id).first()
    if credentials is None or not credentials.connector_class.has_update_strategy:
        return
    configs = Config.objects.exclude(backend__in=settings.CONFIG_UPDATE_MAPPING)
    if credentials.organization_id is not None:
        configs = configs.filter(device__organization=credentials.organization_id)
    count = configs.count()
    if count:
        logger.warning("%s were not added to %d devices whose backend has no update strategy", credentials, count)
