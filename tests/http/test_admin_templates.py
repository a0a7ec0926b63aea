"""Templates on their own: preview before saving, download, variables."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from openwisp_users.models import Organization, User

from openwisp_controller.config.models import Config, Template

from .. import factories as make
from ..database.scenarios import interface
from .test_admin import config, url
from .test_admin_input import template_form

__all__ = ["config"]
pytestmark = pytest.mark.django_db
BANNER = {"files": [{"path": "/etc/banner", "mode": "0644", "contents": "{{ greeting }}, {{ name }}"}]}


@pytest.fixture
def template(config: Config) -> Template:
    owner = config.device.organization
    return make.template(owner, "banner", config=BANNER, default_values={"greeting": "Città"})


def preview(client: Client, form: dict[str, Any]) -> Any:
    return client.post(reverse("admin:config_template_preview"), form)


def test_preview_saves_nothing(operator: Client, template: Template) -> None:
    form = template_form(template, default_values='{"greeting": "Ciao"}', id=template.pk)
    assert "Ciao, {{ name }}" in preview(operator, form).json()["text"]
    template.refresh_from_db()
    assert template.default_values == {"greeting": "Città"}
    assert "Ciao" in preview(operator, {**form, "id": "", "name": "another"}).json()["text"]
    assert not Template.objects.filter(name="another").exists()


@pytest.mark.parametrize(("values", "field"), [
    ({"config": '{"interfaces": 1}'}, "__all__"), ({"config": "{"}, "config"), ({"name": ""}, "name"),
    ({"config": "{}"}, "__all__"), ({"backend": "x"}, "backend"), ({"name": "a\0b"}, "name"),
])  # fmt: skip
def test_errors_are_named_by_field(operator: Client, template: Template, values: Any, field: str) -> None:
    answer = preview(operator, template_form(template, id=template.pk, **values))
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {field}


def test_download(operator: Client, template: Template) -> None:
    answer = operator.get(reverse("admin:config_template_download", args=[template.pk]))
    assert answer["Content-Disposition"] == 'attachment; filename="banner.tar.gz"'
    assert "Città, ".encode() in gzip.decompress(answer.content)
    page = operator.get(url("template_change", template)).content.decode()
    assert reverse("admin:config_template_download", args=[template.pk]) in page
    assert 'id="controller-preview"' in page


def test_what_cannot_be_rendered_is_explained(operator: Client, template: Template) -> None:
    Template.objects.filter(pk=template.pk).update(config={"interfaces": 1})
    answer = operator.get(reverse("admin:config_template_download", args=[template.pk]))
    assert answer.status_code == 404
    assert "Invalid configuration" in answer.content.decode()


def test_variables(operator: Client, template: Template, settings: Any) -> None:
    settings.OPENWISP_CONTROLLER_CONTEXT = {"country": "IT"}
    answer = operator.get(reverse("admin:config_template_context", args=[template.pk]))
    assert json.loads(answer.content) == {"greeting": "Città", "country": "IT"}
    assert "<code>country</code>" in operator.get(url("template_change", template)).content.decode()


def test_templates_of_others(operator: Client, config: Config, other: Organization) -> None:
    for foreign in (make.template(other, "foreign"), make.template(None, "shared")):
        for name in ("download", "context"):
            assert operator.get(reverse(f"admin:config_template_{name}", args=[foreign.pk])).status_code == 404
        assert preview(operator, template_form(foreign, id=foreign.pk)).status_code == 404


def test_people_who_may_only_look(template: Template, organization: Organization) -> None:
    viewer = make.person("viewer", organization)
    assert viewer.get(reverse("admin:config_template_download", args=[template.pk])).status_code == 403
    User.objects.get(username="viewer").user_permissions.set(Permission.objects.filter(codename="view_template"))
    assert viewer.get(reverse("admin:config_template_download", args=[template.pk])).status_code == 200
    assert preview(viewer, template_form(template, id=template.pk)).status_code == 403
    assert preview(viewer, template_form(template, id="")).status_code == 403
    assert 'id="controller-preview"' not in viewer.get(url("template_change", template)).content.decode()


def test_a_new_template_can_be_previewed(root: Client, organization: Organization) -> None:
    new = Template(name="new", organization=organization, backend=make.BACKEND, config=interface("eth0"))
    assert "eth0" in preview(root, template_form(new, id="")).json()["text"]


def test_variables_that_nobody_defines_are_told_after_saving_and_in_the_preview(
    operator: Client, template: Template
) -> None:
    form = template_form(template, default_values='{"greetings": "Ciao"}', id=template.pk)
    warning = 'The variable "greeting" is not defined (did you mean "greetings"?).'
    assert preview(operator, form).json()["warning"] == warning
    page = operator.post(f"/admin/config/template/{template.pk}/change/", form, follow=True)
    assert [str(message) for message in page.context["messages"] if message.level_tag == "warning"] == [warning]
