"""The impact of an edit of a shared object: which devices would change and how, told before it is saved.

A sample is computed while somebody waits; where more devices are concerned, the rest follows in the background. What is
found stays in the cache for an hour, and nothing is written to the database.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.cache import cache
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, Q

from ..common.wakeup import wake
from .assignment import rules
from .compiling.impact import Effect, impact
from .compiling.inputs import Overlay, Reassign
from .models import Config, DeviceGroup, OrganizationConfigSettings, Template, Vpn
from .policy import dependents

SAMPLE = 200
"""Devices that are looked at while somebody waits."""
CHUNK = 2000
"""Devices that one task looks at."""
_KEPT = 3600
"""Seconds for which results are kept."""
_NAMED = 10
"""Devices named in each group of the report."""
_GROUPS = 200
"""Groups of identical differences that are kept apart; the others are counted together."""
_LONGEST = 20_000
"""Characters of a difference that is shown."""


@dataclass(frozen=True)
class Edit:
    """An edit of a shared object that is not stored.

    Args:
        instance: with the new values.
        values: those, by attribute name, as JSON knows them.
        templates: the new list of a group's templates, in order; None = as it is.
    """

    instance: Model
    values: dict[str, Any]
    templates: list[Template] | None = None

    def overlay(self) -> Overlay:
        """Return the edit as compiling knows it."""
        return Overlay(self.instance, reassign=self._reassign())

    def configs(self) -> list[uuid.UUID]:
        """Return the primary keys of the configurations that depend on what is edited."""
        found = dependents.configs_depending_on(self.instance._meta.label, self.instance.pk)
        keys = set(found.values_list("pk", flat=True)) if found is not None else set()
        if isinstance(self.instance, OrganizationConfigSettings):
            of_organization = Q(device__organization=self.instance.organization_id, device___is_deactivated=False)
            keys |= set(Config.objects.filter(of_organization).values_list("pk", flat=True))
        if isinstance(self.instance, Vpn):
            users = Config.objects.filter(templates__vpn=self.instance.pk, device___is_deactivated=False)
            keys |= set(users.values_list("pk", flat=True))
        if isinstance(self.instance, Template) and (self.instance.default or self.instance.required):
            keys |= set(_suited(self.instance).values_list("pk", flat=True))
        return sorted(keys)

    def _reassign(self) -> Reassign | None:
        if isinstance(self.instance, Template) and (self.instance.default or self.instance.required):
            return self._automatic
        if isinstance(self.instance, DeviceGroup) and self.templates is not None:
            former = {template.pk for template in self.instance.templates.all()}
            return lambda config, present: _regrouped(config, present, former, self.templates or [])
        return None

    def _automatic(self, config: Config, present: list[Template]) -> list[Template]:
        template: Any = self.instance
        if any(each.pk == template.pk for each in present):
            return present
        by_key = {each.pk: each for each in [*present, template]}
        keys = [each.pk for each in present]
        if not template.required:
            keys.append(template.pk)
        else:
            keys = rules.required_first(keys, {each.pk for each in present if each.required}, template.pk)
        return rules.one_per_server([by_key[key] for key in keys])


def _suited(template: Template) -> Any:
    """Return the configurations that a default or required template is given to, if it was none before."""
    stored = Template.objects.filter(pk=template.pk).first()
    if stored is not None and (stored.required or (stored.default and not template.required)):
        return Config.objects.none()
    configs = Config.objects.filter(backend=template.backend, device___is_deactivated=False)
    return configs.filter(device__organization=template.organization_id) if template.organization_id else configs


def _regrouped(
    config: Config, present: list[Template], former: set[uuid.UUID], new: Sequence[Template]
) -> list[Template]:
    gone = former - {template.pk for template in new}
    kept = [template for template in present if template.required or template.pk not in gone]
    keys = {template.pk for template in kept}
    return rules.one_per_server([*kept, *(each for each in new if each.pk not in keys)])


class Report:
    """What is known so far of an impact; ``data`` is plain JSON.

    Args:
        data: of an earlier report, to go on with.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    @classmethod
    def begin(cls, total: int) -> Report:
        """Return an empty report about so many devices."""
        counts = dict.fromkeys(("checked", "changed", "unchanged", "failed", "new_vpn_clients"), 0)
        return cls({"total": total, **counts, "groups": {}, "errors": {}, "undefined": {}})

    def add(self, effect: Effect) -> None:
        """Count an effect."""
        data = self.data
        data["checked"] += 1
        data["new_vpn_clients"] += effect.new_clients
        kind = "failed" if effect.error else "changed" if effect.changes else "unchanged"
        data[kind] += 1
        device = effect.config.device
        for name in effect.undefined:
            data["undefined"][name] = data["undefined"].get(name, 0) + 1
        if effect.error:
            _count(data["errors"], effect.error, device, message=effect.error)
        elif effect.changes:
            known = effect.group if effect.group in data["groups"] or len(data["groups"]) < _GROUPS else ""
            _count(data["groups"], known, device, diff=effect.diff[:_LONGEST] if known else "")

    def shown(self) -> dict[str, Any]:
        """Return it for people: the biggest groups first."""

        def sorted_(groups: dict[str, Any]) -> list[Any]:
            named = ({**group, "names": sorted(group["names"])} for group in groups.values())
            return sorted(named, key=lambda group: -group["devices"])

        undefined = [{"name": name, "devices": count} for name, count in sorted(self.data["undefined"].items())]
        return {
            **self.data, "complete": self.data["checked"] >= self.data["total"],
            "groups": sorted_(self.data["groups"]), "errors": sorted_(self.data["errors"]), "undefined": undefined,
        }  # fmt: skip


def _count(groups: dict[str, Any], key: str, device: Any, **more: Any) -> None:
    group = groups.setdefault(key, {"devices": 0, "names": [], **more})
    group["devices"] += 1
    if len(group["names"]) < _NAMED:
        group["names"].append(device.name)


def preview(edit: Edit, user: Any) -> dict[str, Any]:
    """Return what an edit would do, as far as that can be told at once.

    Args:
        edit: which one.
        user: who asks; nobody else may see what follows in the background.

    Returns:
        as ``Report.shown``, with the ``id`` under which ``progress`` tells the rest; null where this is all.
    """
    keys = edit.configs()
    report = Report.begin(len(keys))
    for effect in impact(edit.overlay(), keys[:SAMPLE]):
        report.add(effect)
    if len(keys) <= SAMPLE:
        return {"id": None, **report.shown()}
    key = str(uuid.uuid4())
    templates = [str(template.pk) for template in edit.templates] if edit.templates is not None else None
    job = {
        "user": str(user.pk), "model": edit.instance._meta.label, "object": str(edit.instance.pk),
        "values": edit.values, "templates": templates, "left": [str(left) for left in keys[SAMPLE:]],
        "report": report.data,
    }  # fmt: skip
    _keep(key, job)
    wake("config.preview_impact", key)
    return {"id": key, **report.shown()}


def progress(key: uuid.UUID, user: Any) -> dict[str, Any] | None:
    """Return what is known by now of an impact that this person asked for; None when it is forgotten."""
    job = _kept(str(key))
    if job is None or job["user"] != str(user.pk):
        return None
    return {"id": str(key), **Report(job["report"]).shown()}


def go_on(key: str) -> None:
    """Look at the next devices of an impact; runs in the background until all are done."""
    job = _kept(key)
    if job is None:
        return
    model: Any = apps.get_model(job["model"])
    instance = model._base_manager.filter(pk=job["object"]).first()
    if instance is None:
        return
    for name, value in job["values"].items():
        setattr(instance, name, value)
    templates = None
    if job["templates"] is not None:
        found = Template.objects.in_bulk([uuid.UUID(each) for each in job["templates"]])
        templates = [found[uuid.UUID(each)] for each in job["templates"] if uuid.UUID(each) in found]
    edit, report = Edit(instance, job["values"], templates), Report(job["report"])
    now, job["left"] = job["left"][:CHUNK], job["left"][CHUNK:]
    present = 0
    for effect in impact(edit.overlay(), [uuid.UUID(left) for left in now]):
        report.add(effect)
        present += 1
        if present % SAMPLE == 0:
            _keep(key, {**job, "left": [*now[present:], *job["left"]]})
    report.data["total"] -= len(now) - present  # deleted meanwhile
    _keep(key, job)
    if job["left"]:
        wake("config.preview_impact", key)


def _keep(key: str, job: dict[str, Any]) -> None:
    cache.set(f"impact-{key}", json.dumps(job, cls=DjangoJSONEncoder), _KEPT)


def _kept(key: str) -> dict[str, Any] | None:
    found = cache.get(f"impact-{key}")
    return json.loads(found) if found is not None else None
