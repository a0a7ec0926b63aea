"""What the demo starts with, the second time, too."""

import pytest
from openwisp_users.models import Organization

from openwisp_controller.config.models import Template
from openwisp_controller.fleet import SshOptions
from openwisp_controller.server import demo_data

pytestmark = pytest.mark.django_db


def test_a_directory_may_be_used_again() -> None:
    first = demo_data.create(SshOptions(port=2222, password="first secret"))
    created = Organization.objects.count(), Template.objects.count()
    second = demo_data.create(SshOptions(port=2223, password="second secret"))
    assert (Organization.objects.count(), Template.objects.count()) == created
    assert second.secret == first.secret
    assert second.password != first.password
    assert [demo_data.edit_wifi() for _ in range(3)] == [11, 6, 11], "every edit is a change"
