"""Random histories of operators, devices and workers, with what must hold after every step."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.test import Client
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from openwisp_ipam.models import IpAddress

from openwisp_controller.config import maintenance
from openwisp_controller.config.delivery import jobs
from openwisp_controller.config.devices import history
from openwisp_controller.config.models import Config, Device, DeviceGroup, Job, OutboxEntry, Template, Vpn, VpnClient
from openwisp_controller.config.policy import evaluation
from openwisp_controller.config.vpn import servers

from .. import factories as make
from ..recorder import SignalRecorder

Status = Config.Status
NAMES = st.sampled_from(["alpha", "beta", "gamma", "delta"])
VALUES = st.sampled_from(["one", "two", "three", r"\1", "{{ x }}", "ü"])
#: Contents of configurations and templates: empty, fixed, with variables, and one that needs a variable to be valid.
CONTENTS = st.sampled_from(
    [
        {"general": {"description": "fixed"}},
        {"general": {"description": "{{ x }}"}},
        {"files": [{"path": "/etc/x", "mode": "0644", "contents": "{{ x }} {{ name }} {{ y }}"}]},
        {"interfaces": [{"name": "eth0", "type": "ethernet", "mtu": 1400}]},
        {"interfaces": [{"name": "eth0", "type": "ethernet", "mtu": 1500}]},
    ]
)
BROKEN = {"interfaces": [{"name": "eth0", "type": "unknown"}]}
CONTEXTS = st.dictionaries(st.sampled_from(["x", "y", "unused"]), VALUES, max_size=2)


class ControllerMachine(RuleBasedStateMachine):
    """Every rule is one thing that somebody does; background work happens only when the worker's rule says so."""

    devices: Bundle[Any] = Bundle("devices")
    templates: Bundle[Any] = Bundle("templates")
    groups: Bundle[Any] = Bundle("groups")

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.recorder = SignalRecorder().__enter__()
        self.client = Client()
        self.before: dict[Any, tuple[Any, ...]] = {}
        self.enrolled = 0

    def teardown(self) -> None:
        self.recorder.__exit__()
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    @initialize(target=devices)
    def world(self) -> Any:
        self.organizations = [make.organization(secret=f"secret-{n}", context={"x": f"org {n}"}) for n in range(2)]
        self.subnet = make.subnet(None)
        self.servers = [make.vpn(None, kind, subnet=self.subnet).pk for kind in ("Wireguard", "VxlanWireguard")]
        return multiple(*self.prepare())

    def prepare(self) -> list[Any]:
        """Create what more there is in the world of a subclass, and return the devices."""
        return []

    # operators

    @rule(target=devices, name=NAMES, org=st.integers(0, 1), content=CONTENTS)
    def create(self, name: str, org: int, content: Any) -> Any:
        try:
            with transaction.atomic():
                device = make.device(self.organizations[org], name=name)
                return make.config(device, config=content).device_id
        except ValidationError:
            return multiple()

    @rule(target=templates, org=st.sampled_from([0, 1, None]), content=CONTENTS, default=st.booleans())
    def create_template(self, org: int | None, content: Any, default: bool) -> Any:
        owner = self.organizations[org] if org is not None else None
        return make.template(owner, config=content, default=default).pk

    @rule(target=templates, org=st.sampled_from([0, 1, None]), server=st.integers(0, 1), auto_cert=st.booleans())
    def create_vpn_template(self, org: int | None, server: int, auto_cert: bool) -> Any:
        owner = self.organizations[org] if org is not None else None
        vpn = Vpn.objects.get(pk=self.servers[server])
        return make.template(owner, config={}, type="vpn", vpn=vpn, auto_cert=auto_cert).pk

    @rule(server=st.integers(0, 1), host=NAMES)
    def edit_server(self, server: int, host: str) -> None:
        self._save(Vpn, self.servers[server], host=host)

    @rule(template=templates, auto_cert=st.booleans())
    def flag_provisioning(self, template: Any, auto_cert: bool) -> None:
        if Template.objects.filter(pk=template, type="vpn").exists():
            self._save(Template, template, auto_cert=auto_cert)

    @rule(target=groups, org=st.integers(0, 1), context=CONTEXTS)
    def create_group(self, org: int, context: Any) -> Any:
        return make.group(self.organizations[org], context=context).pk

    @rule(device=devices, content=CONTENTS, context=CONTEXTS)
    def edit(self, device: Any, content: Any, context: Any) -> None:
        config = Config.objects.filter(device=device).first()
        if config is not None:
            config.config, config.context = content, context
            config.save()

    @rule(device=devices, name=NAMES)
    def rename(self, device: Any, name: str) -> None:
        self._save(Device, device, name=name)

    @rule(device=devices, org=st.integers(0, 1))
    def move(self, device: Any, org: int) -> None:
        self._save(Device, device, organization=self.organizations[org])

    @rule(device=devices, group=groups)
    def join(self, device: Any, group: Any) -> None:
        found = DeviceGroup.objects.get(pk=group)
        if Device.objects.filter(pk=device, organization=found.organization_id).exists():
            self._save(Device, device, group=found)

    @rule(device=devices)
    def leave(self, device: Any) -> None:
        self._save(Device, device, group=None)

    @rule(device=devices, template=templates)
    def assign(self, device: Any, template: Any) -> None:
        self._edit_templates(device, "add", template)

    @rule(device=devices, template=templates)
    def unassign(self, device: Any, template: Any) -> None:
        self._edit_templates(device, "remove", template)

    @rule(device=devices, template=templates)
    def replace(self, device: Any, template: Any) -> None:
        self._edit_templates(device, "set", [template])

    @rule(template=templates, content=CONTENTS, values=CONTEXTS)
    def edit_template(self, template: Any, content: Any, values: Any) -> None:
        self._save(Template, template, config=content, default_values=values)

    @rule(template=templates)
    def break_template(self, template: Any) -> None:
        self._save(Template, template, config=BROKEN)

    @rule(template=templates, required=st.booleans())
    def flag_template(self, template: Any, required: bool) -> None:
        self._save(Template, template, default=True, required=required)

    @rule(template=consumes(templates))
    def delete_template(self, template: Any) -> None:
        Template.objects.get(pk=template).delete()

    @rule(group=groups, context=CONTEXTS)
    def edit_group(self, group: Any, context: Any) -> None:
        self._save(DeviceGroup, group, context=context)

    @rule(group=groups, template=templates)
    def edit_group_templates(self, group: Any, template: Any) -> None:
        with suppress(ValidationError), transaction.atomic():
            DeviceGroup.objects.get(pk=group).templates.set([template])

    @rule(org=st.integers(0, 1), context=CONTEXTS)
    def edit_organization(self, org: int, context: Any) -> None:
        settings = self.organizations[org].config_settings
        settings.context = context
        settings.save()

    @rule(device=devices)
    def deactivate(self, device: Any) -> None:
        self._each(device, Device.deactivate)

    @rule(device=devices)
    def activate(self, device: Any) -> None:
        self._each(device, Device.activate)

    @rule(device=devices, back=st.integers(0, 3))
    def roll_back(self, device: Any, back: int) -> None:
        config = Config.objects.filter(device=device).select_related("device").first()
        revisions = list(history.revisions(config)) if config is not None else []
        if config is not None and len(revisions) > back and not config.device.is_deactivated():
            history.roll_back(config, revisions[back])

    @rule(device=devices)
    def lift_hold(self, device: Any) -> None:
        for config in Config.objects.filter(device=device):
            history.lift_hold(config)

    # devices

    @rule(device=devices)
    def poll(self, device: Any) -> None:
        self._get("checksum", device)

    @rule(device=devices)
    def download(self, device: Any) -> None:
        checksum, archive = self._get("checksum", device), self._get("download-config", device)
        if checksum is not None:
            assert archive is not None
            assert hashlib.md5(archive).hexdigest() == checksum.decode()

    @rule(device=devices, status=st.sampled_from(["applied", "error", "modified", "deactivated"]))
    def report(self, device: Any, status: str) -> None:
        key = Device.objects.values_list("key", flat=True).get(pk=device)
        data = {"key": key, "status": status, "error_reason": "why"}
        answer = self.client.post(f"/controller/report-status/{device.hex}/", data)
        if status not in ("applied", "error"):
            assert answer.status_code in (403, 404)

    @rule(target=devices, name=NAMES, org=st.integers(0, 1))
    def enrol(self, name: str, org: int) -> Any:
        self.enrolled += 1
        mac = f"02:00:00:00:00:{self.enrolled:02X}"
        data = {"secret": f"secret-{org}", "name": name, "mac_address": mac, "backend": make.BACKEND}
        answer = self.client.post("/controller/register/", data)
        assert answer.status_code in (201, 400)  # the name may be taken
        if answer.status_code == 400:
            return multiple()
        return Device.objects.values_list("pk", flat=True).get(mac_address=mac)

    @rule(device=devices, name=NAMES, org=st.integers(0, 1))
    def register_again(self, device: Any, name: str, org: int) -> None:
        found = Device.objects.get(pk=device)
        data = {
            "secret": f"secret-{org}", "name": name, "mac_address": found.mac_address, "backend": make.BACKEND,
            "key": found.key,
        }  # fmt: skip
        answer = self.client.post("/controller/register/", data)
        assert answer.status_code in (201, 400, 403)

    # workers

    @rule()
    def work(self) -> None:
        jobs.run_all()
        self.make_credentials()
        jobs.run_all()
        maintenance.compile_stale()
        assert not Job.objects.exists()
        assert not Config.objects.filter(stale_since__isnull=False).exists()
        assert not OutboxEntry.objects.exists()
        servers.compile_stale()
        for vpn in Vpn.objects.filter(pk__in=self.servers).select_related("released"):
            (native,) = [file.contents for file in vpn.released.files() if file.path == "wg0.conf"]
            peers = set(re.findall("PublicKey = (.*)", native))
            expected = vpn.vpnclient_set.filter(auto_cert=True).values_list("public_key", flat=True)
            assert peers == set(expected)
        for client in VpnClient.objects.select_related("template"):
            assert client.auto_cert == client.template.auto_cert
        self.check_addresses()
        self.check_settled()

    @rule()
    def work_again(self) -> None:
        """Whatever is compiled once more gives the same: nothing depended on something that was not noticed."""
        self.work()
        released = dict(Config.objects.values_list("pk", "released__checksum"))
        maintenance.recompute()
        maintenance.compile_stale()
        again = dict(Config.objects.values_list("pk", "released__checksum"))
        assert again == released, (again, released)

    @rule()
    def send_overdue(self) -> None:
        assert evaluation.redeliver() == 0

    # what must hold

    @invariant()
    def statuses_are_legal(self) -> None:
        for config in Config.objects.select_related("device", "released", "compiled", "applied", "downloaded"):
            assert config.device.is_deactivated() == config.is_deactivating_or_deactivated()
            held = config.release_policy == Config.Release.HELD
            if config.compile_error and not held:
                assert config.status == Status.ERROR
            if config.status == Status.APPLIED and config.downloaded is not None:
                assert config.downloaded.checksum == config.checksum
            if config.released is not None:
                assert hashlib.md5(bytes(config.released.archive)).hexdigest() == config.checksum
                assert held or config.compile_error or config.compiled_id == config.released_id

    @invariant()
    def clients_follow_templates(self) -> None:
        wanted = {
            (config, vpn)
            for config, vpn, suits in Config.templates.through.objects.filter(template__type="vpn").values_list(
                "config_id", "template__vpn_id", Q(template__backend=F("config__backend"))
            )
            if suits
        }
        clients = list(VpnClient.objects.all())
        pending = set(Job.objects.filter(kind=Job.Kind.VPN_TEMPLATE).values_list("subject", flat=True))
        assert {(client.config_id, client.vpn_id) for client in clients} == wanted or pending
        self.check_addresses()

    @invariant()
    def signals_tell_what_happened(self) -> None:
        after = {config.pk: (config.status, config.checksum) for config in Config.objects.select_related("released")}
        for key, (status, released) in after.items():
            modified = [e for e in self.recorder.of("config_modified") if e.instance.pk == key]
            statuses = [e for e in self.recorder.of("config_status_changed") if e.instance.pk == key]
            if key not in self.before:
                assert not modified, "a configuration that was just created is not announced"
                continue
            old_status, old_released = self.before[key]
            active = Status.DEACTIVATING not in (status, old_status) and Status.DEACTIVATED not in (status, old_status)
            if old_status != status:
                assert statuses, f"{old_status} became {status} unannounced"
            if active and old_released != released:
                assert modified, "a new revision was released unannounced"
            if modified:
                # one step of the worker may take a device through several states
                assert modified[0].previous_status in {old_status, *(e.seen["status"] for e in statuses)}
        self.before = after
        self.recorder.clear()

    # helpers

    def make_credentials(self) -> None:
        """Do the background work of a subclass that comes before compiling."""

    def check_settled(self) -> None:
        """Check what a subclass wants to hold when no work is left."""

    def check_addresses(self) -> None:
        """Clients have one address each, as soon as they are there, and no address belongs to nobody."""
        clients = VpnClient.objects.filter(vpn__in=self.servers).select_related("ip")
        addresses = [client.ip.ip_address for client in clients if client.ip is not None]
        assert len(set(addresses)) == len(addresses) == sum(client.auto_cert for client in clients)
        assert IpAddress.objects.count() == len(addresses) + len(self.servers)

    def _save(self, model: Any, key: Any, **values: Any) -> None:
        instance = model.objects.filter(pk=key).first()
        if instance is None:
            return
        for name, value in values.items():
            setattr(instance, name, value)
        instance.save()

    def _each(self, key: Any, act: Any) -> None:
        act(Device.objects.get(pk=key))

    def _edit_templates(self, device: Any, action: str, value: Any) -> None:
        config = Config.objects.filter(device=device).first()
        if config is None:
            return
        with suppress(ValidationError, PermissionDenied), transaction.atomic():
            getattr(config.templates, action)(value)

    def _get(self, endpoint: str, device: Any) -> bytes | None:
        key = Device.objects.values_list("key", flat=True).get(pk=device)
        answer = self.client.get(f"/controller/{endpoint}/{device.hex}/", {"key": key, "management_ip": "10.0.0.1"})
        assert answer.status_code in (200, 404, 503), answer.content
        return answer.content if answer.status_code == 200 else None
