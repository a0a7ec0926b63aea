"""Prepared queries answer as the ORM does, whatever values they run with."""

from __future__ import annotations

import uuid
from inspect import signature
from typing import Any

import django
import pytest
from django.db import DEFAULT_DB_ALIAS, DatabaseError
from django.db.models import F, Model, Value
from django.db.models.functions import Upper

from openwisp_controller.common.prepared import OneOf, Parameter, Prepared, PreparedForKeys
from openwisp_controller.config.models import Config, Device

from .. import factories as make

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("count", [0, 1, 3])
def test_list_of_values(organization: Any, count: int) -> None:
    configs = [make.config(organization) for _ in range(3)]
    query = Prepared[Config](lambda: Config.objects.filter(OneOf("pk", Parameter("ids", Config))).order_by("pk"))
    wanted = [config.pk for config in configs[:count]]
    for ids in (wanted, [*wanted, uuid.uuid4()], (key for key in wanted)):
        assert [config.pk for config in query(ids=ids)] == sorted(wanted)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_one_key_or_several(organization: Any, count: int) -> None:
    configs = [make.config(organization) for _ in range(3)]
    query = PreparedForKeys[Config](Config, "id", lambda wanted: Config.objects.filter(wanted).order_by("pk"))
    by_device = PreparedForKeys[Config](Config, "device", lambda wanted: Config.objects.filter(wanted).order_by("pk"))
    wanted = sorted(config.pk for config in configs[:count])
    assert [config.pk for config in query(key for key in wanted)] == wanted
    assert [config.pk for config in by_device([config.device_id for config in configs[:count]])] == wanted
    assert query([uuid.uuid4()]) == by_device([uuid.uuid4()]) == []


def test_other_values_each_time(organization: Any) -> None:
    query = Prepared[Device](lambda: Device.objects.filter(notes=Parameter("notes", Device, "notes")))
    first, second = make.device(organization, notes="first"), make.device(organization, notes="it's % a \\ %s")
    assert [query.first(notes=notes) for notes in ("first", "none", "it's % a \\ %s")] == [first, None, second]
    assert query.row(notes="none") is None


def test_objects_are_whole(organization: Any, django_assert_num_queries: Any) -> None:
    stored = make.config(organization, context={"a": [1, None]}, config={"general": {"description": "é"}})
    query = Prepared[Any](
        lambda: (
            Config.objects.filter(device=Parameter("device", Config, "device"))
            .select_related("device__organization__config_settings", "device__group")
            .annotate(called=F("device__name"))
        )
    )
    assert query.first(device=stored.device) == stored
    with django_assert_num_queries(1):
        (config,) = query(device=stored.device_id)
        assert (config.context, config.config, config.called) == (stored.context, stored.config, stored.device.name)
        assert config.device == stored.device
        assert config.device.organization == organization
        assert config.device.organization.config_settings is not None
        assert config.device.group is None
    config.context = {"b": 1}
    config.full_clean()
    config.save()
    stored.refresh_from_db()
    assert stored.context == {"b": 1}


def test_canary() -> None:
    """A new version of Django: read what ``common/prepared.py`` says of the ORM's inside, then add it here."""
    read = ((5, 2),)
    assert django.VERSION[:2] in read
    compiler = Device.objects.filter(pk=uuid.uuid4()).query.get_compiler(using=DEFAULT_DB_ALIAS)
    sql, parameters = compiler.as_sql()
    assert "%s" in sql
    assert len(parameters) == 1
    assert callable(compiler.get_converters)
    assert len(compiler.select) == len(Device._meta.concrete_fields)


def test_canary_of_saves() -> None:
    """The same for ``common/kept_plans.py``: the last step of ``Model.save`` is a method that takes this."""
    insert, update = (list(signature(getattr(Model, name)).parameters) for name in ("_do_insert", "_do_update"))
    assert insert == ["self", "manager", "using", "fields", "returning_fields", "raw"]
    assert update == ["self", "base_qs", "using", "pk_val", "values", "update_fields", "forced_update"]


@pytest.mark.parametrize("value", [Upper(Value("from the database")), "FROM THE DATABASE"])
def test_saves_take_expressions_as_django_does(organization: Any, value: Any) -> None:
    device = make.device(organization)
    device.notes = value
    device.save()
    assert Device.objects.get(pk=device.pk).notes == "FROM THE DATABASE"


def test_saves_of_rows_that_are_gone(organization: Any) -> None:
    device = make.device(organization)
    Device.objects.filter(pk=device.pk).delete()
    with pytest.raises(DatabaseError):
        device.save(force_update=True)
    with pytest.raises(DatabaseError):
        device.save(update_fields=["notes"])
    assert not Device.objects.filter(pk=device.pk).exists()
