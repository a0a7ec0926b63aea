"""What pages of the administration say, on every page of its kind."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from django.utils.timezone import localtime
from openwisp_users.models import Organization

from openwisp_controller.connection.models import BatchCommand

from .. import factories as make
from .forms import form_of

pytestmark = [pytest.mark.django_db, pytest.mark.once]
OURS = ("config", "connection", "pki", "openwisp_ipam", "openwisp_users")


def pages() -> list[Any]:
    """Every page of the administration that shows a model of ours."""
    return [page for model, page in admin.site._registry.items() if model._meta.app_label in OURS]


def address(page: Any, view: str, *args: Any) -> str:
    return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_{view}", args=args)


def title(answer: Any) -> str:
    found = re.search("<title>(.*?)</title>", answer.content.decode(), re.DOTALL)
    assert found is not None
    return " ".join(found[1].split())


def test_lists_are_called_what_they_list(root: Client) -> None:
    for page in pages():
        if page.opts.app_label == "openwisp_users" and page.opts.model_name in ("user", "group"):
            continue
        answer = root.get(address(page, "changelist"))
        plural = str(page.opts.verbose_name_plural)
        assert title(answer).lower().startswith(plural.lower()), title(answer)
        assert "to view" not in title(answer)
        assert "By is " not in answer.content.decode(), page.opts.label


@pytest.mark.parametrize("key", ["00000000-0000-0000-0000-000000000000", "nonsense", "9999999"])
def test_what_is_unknown_is_not_found(root: Client, key: str) -> None:
    for page in pages():
        for view in ("change", "delete", "history"):
            answer = root.get(address(page, view, key))
            assert answer.status_code in (403, 404), (page.opts.label, view, answer.status_code)


def test_pages_have_the_name_of_their_object_in_the_title(root: Client, organization: Any) -> None:
    authority = make.ca(organization, "authority")
    for instance in (
        make.device(organization, "router"), make.template(organization, "wifi"), make.group(organization, "roofs"),
        make.vpn(organization), authority, make.cert(authority), make.credentials(organization, "ssh"),
        organization,
    ):  # fmt: skip
        page = admin.site._registry[type(instance)]
        assert title(root.get(address(page, "change", instance.pk))).startswith(f"{instance} | ")


def test_pages_about_deleting_show_no_internals(root: Client, organization: Any) -> None:
    config = make.config(make.device(organization, "router"), templates=[make.template(organization)])
    make.connection(config)
    batch = BatchCommand.objects.create(organization=organization, type="reboot")
    batch.devices.add(config.device)
    make.vpn(organization)
    for instance in (organization, config.device.organization, config.device, config.templates.get()):
        page = admin.site._registry[type(instance)]
        text = root.get(address(page, "delete", instance.pk)).content.decode()
        assert not re.search(r"\w object \(", text), re.findall(r".{40}\w object \(.{20}", text)
        assert "relationships" not in text


def test_rows_to_copy_are_on_a_page_only_where_there_may_be_another(root: Client, organization: Any) -> None:
    device = make.device(organization, "router")
    page = reverse("admin:config_device_change", args=[device.pk])
    assert 'id="config-empty"' in root.get(page).content.decode()
    make.config(device)
    text = root.get(page).content.decode()
    assert 'id="config-0"' in text
    assert 'id="config-empty"' not in text


def test_buttons_that_add_the_first_row(root: Client, organization: Any) -> None:
    text = root.get(reverse("admin:config_device_add")).content.decode()
    data = re.findall(r'data-inline-formset="(.*?)"', text, re.DOTALL)
    added = {json.loads(html.unescape(each))["options"]["addText"] for each in data}
    assert {"Add configuration", "Add Credentials"} <= added
    assert not any("another" in text for text in added)


def test_rows_that_are_added_have_no_dates(root: Client, organization: Any) -> None:
    subnet = make.subnet(organization)
    text = root.get(reverse("admin:openwisp_ipam_subnet_change", args=[subnet.pk])).content.decode()
    empty = text[text.index('id="rule_set-empty"') if 'id="rule_set-empty"' in text else text.index("__prefix__") :]
    assert "p.m." not in empty
    assert "a.m." not in empty


def test_a_certificate_needs_a_name(root: Client, organization: Any) -> None:
    form = form_of(root.get(reverse("admin:pki_ca_add"))) | {"operation_type": "new", "name": "ca", "common_name": ""}
    answer = root.post(reverse("admin:pki_ca_add"), form | {"organization": organization.pk})
    assert list(answer.context["adminform"].form.errors) == ["common_name"]
    assert answer.context["adminform"].form.fields["digest"].help_text == "Hash algorithm of the signature."


def test_certificates_say_in_words_whether_they_are_in_force(root: Client, organization: Any) -> None:
    authority = make.ca(organization)
    good, bad = make.cert(authority), make.cert(authority)
    bad.revoke()
    text = root.get(reverse("admin:pki_cert_changelist")).content.decode()
    assert '<span class="controller-badge good">valid</span>' in text
    assert '<span class="controller-badge bad">revoked</span>' in text
    assert good.pk != bad.pk


def test_a_network_that_is_stored_otherwise_than_typed(root: Client, organization: Any) -> None:
    add = reverse("admin:openwisp_ipam_subnet_add")
    form = form_of(root.get(add)) | {"name": "n", "subnet": "10.200.0.1/16", "organization": organization.pk}
    answer = root.post(add, form, follow=True)
    assert any(
        "10.200.0.1/16" in str(message) and "10.200.0.0/16" in str(message) for message in answer.context["messages"]
    )


def test_dates_are_written_in_one_way(root: Client, organization: Organization) -> None:
    config = make.config(organization)
    moment = localtime(config.device.created).strftime("%Y-%m-%d %H:%M")
    for path in (
        "/admin/config/device/", f"/admin/config/device/{config.device_id}/change/",
        f"/admin/config/revision/{config.released_id}/change/", "/admin/config/revision/",
    ):  # fmt: skip
        text = root.get(path).content.decode()
        assert moment in text or localtime(config.released.created).strftime("%Y-%m-%d %H:%M") in text, path
        assert not re.search(r"\d [ap]\.m\.", text), path


def test_browsers_find_the_icon_on_every_page(client: Client) -> None:
    answer = client.get("/favicon.ico")
    assert answer.status_code == 302
    assert finders.find(answer["Location"].removeprefix("/static/"))
