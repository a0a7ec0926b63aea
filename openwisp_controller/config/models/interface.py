"""Methods that the field's interface demands of models, and that call what is built on the models.

This is the only place where models look upward, so imports stand inside the methods here. A method says which function
does the work, nothing else.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from io import BytesIO
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.module_loading import import_string

from ... import rendering
from ..settings import settings

if TYPE_CHECKING:
    from .config import Config
    from .device import Device
    from .template import Template
    from .vpn import Vpn
    from .vpn_client import VpnClient


Layers = tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]
"""Own NetJSON, that of the templates from first to last, and the variables."""


class BackendInterface(models.Model):
    """NetJSON that a backend of netjsonconfig makes native files of, as that library would be asked for it."""

    class Meta:
        abstract = True

    def _layers(self, templates: Any = None) -> Layers:
        """Return own NetJSON, that of ``templates`` (None = those that it has), and the variables."""
        raise NotImplementedError

    @property
    def backend_class(self: Any) -> Any:
        """The class of the backend: netjsonconfig's, or what a setting names in its place."""
        return import_string(self.backend)

    def get_backend_instance(
        self: Any, template_instances: Any = None, context: dict[str, Any] | None = None, **options: Any
    ) -> Any:
        """Return an instance of the backend that renders like the controller.

        Args:
            template_instances: templates in place of those that it has, from first to last.
            context: variables in place of the known ones.
            options: further arguments of the backend.
        """
        own, templates, variables = self._layers(template_instances)
        backend = rendering.load_backend(self.backend)
        return backend(own, templates=templates, context=variables if context is None else context, **options)

    @property
    def backend_instance(self) -> Any:
        """An instance of the backend; see ``get_backend_instance``."""
        return self.get_backend_instance()

    def json(self, dict: bool = False, **options: Any) -> Any:  # noqa: A002 (the field's name)
        """Return the NetJSON with templates merged and variables put in.

        Args:
            dict: as a dictionary, not as text.
            options: of ``json.dumps``.
        """
        instance = self.get_backend_instance()
        return instance.config if dict else instance.json(**options)

    def generate(self) -> BytesIO:
        """Return the archive (tar.gz) of the native files.

        Raises:
            rendering.RenderingError: it cannot be rendered.
        """
        raise NotImplementedError


class ConfigInterface(BackendInterface):
    """What one can ask a configuration."""

    class Meta:
        abstract = True

    @classmethod
    def get_template_model(cls) -> Any:
        """Return the model of the templates that it may have."""
        return cls._meta.get_field("templates").related_model

    def get_default_templates(self: Config) -> Any:  # type: ignore[misc]
        """Return the default templates for its organization and backend, a query set."""
        usable = self.get_template_model().objects.usable_by(self.device.organization_id, self.backend)
        return usable.filter(default=True)

    def _layers(  # type: ignore[misc]
        self: Config, templates: Any = None
    ) -> Layers:
        from ..compiling import compiler

        return compiler.layers_of(self, self.ordered_templates() if templates is None else templates)

    def generate(self: Config) -> BytesIO:  # type: ignore[misc]
        """Return the archive (tar.gz) that the configuration compiles to as it is in hand."""
        from ..compiling import compiler

        return BytesIO(compiler.archive(self, self.ordered_templates()).data)

    def get_context(self: Config, system: bool = False) -> dict[str, Any]:  # type: ignore[misc]
        """Return the variables of the device: the four predefined ones first, the others sorted by name.

        Args:
            system: leave out the variables defined in this configuration.
        """
        from ..compiling import context

        return context.of_config(self, system=system)

    def get_system_context(self: Config) -> dict[str, Any]:  # type: ignore[misc]
        """Return the variables that the device gets without defining them."""
        return self.get_context(system=True)

    def render(self: Config) -> str:  # type: ignore[misc]
        """Return the native configuration as one text, extra files included.

        Raises:
            rendering.RenderingError: when it cannot be rendered.
        """
        from ..compiling import compiler

        return compiler.render_text(self, self.ordered_templates())

    def problem_with(self: Config, templates: list[Template]) -> str:  # type: ignore[misc]
        """Return why the configuration does not render with these templates (in order); empty when it does."""
        from ..compiling import compiler

        error = compiler.check(self, templates)
        return error.message if error else ""

    def check_variables(self: Config, templates: list[Template]) -> None:  # type: ignore[misc]
        """Raise ``ValidationError`` for variables that nobody defines, where the setting says so."""
        from ..compiling import undefined

        if settings.UNDEFINED_VARIABLES == "refuse":
            undefined.refuse(undefined.of_config(self, templates))

    def announce_modified(self: Config) -> None:  # type: ignore[misc]
        """Announce the configuration as modified at the end of the unit of work, even if it compiles to the same."""
        from ..compiling.compilation import announce_modified

        announce_modified(self)


class DeviceInterface(models.Model):
    """What one can do with a device."""

    class Meta:
        abstract = True

    @classmethod
    def get_config_model(cls) -> Any:
        """Return the model of its configuration."""
        return cls._meta.get_field("config").related_model

    def deactivate(self: Device) -> None:  # type: ignore[misc]
        """Empty the device's configuration and stop managing it; see ``lifecycle.deactivate``."""
        from ..devices import lifecycle

        lifecycle.deactivate(self)

    def activate(self: Device) -> None:  # type: ignore[misc]
        """Manage a deactivated device again; see ``lifecycle.activate``."""
        from ..devices import lifecycle

        lifecycle.activate(self)


class TemplateInterface(BackendInterface):
    """What one can ask a template."""

    class Meta:
        abstract = True

    def _layers(  # type: ignore[misc]
        self: Template, templates: Any = None
    ) -> Layers:
        return self.config, [each.config for each in templates or ()], self.get_context()

    def generate(self: Template) -> BytesIO:  # type: ignore[misc]
        """Return the archive (tar.gz) of the template rendered on its own."""
        return BytesIO(self.archive())

    def get_context(self: Template, system: bool = False) -> dict[str, Any]:  # type: ignore[misc]
        """Return the variables known to the template itself: system-wide ones over its VPN server's over its defaults.

        Args:
            system: leave out the template's own defaults.
        """
        from ..vpn.reading import variables

        return variables.of_template(self, system=system)

    def get_system_context(self: Template) -> dict[str, Any]:  # type: ignore[misc]
        """Return the variables that the template gets without defining them."""
        return self.get_context(system=True)

    def get_example_context(self: Template, predefined: bool = True) -> dict[str, Any]:  # type: ignore[misc]
        """Return ``get_context()`` with examples of what only devices have, to try the template with.

        Args:
            predefined: also of what every device has, such as its name.
        """
        from ..vpn.reading import variables

        return variables.with_examples(self, predefined=predefined)

    def check_variables(self: Template) -> None:  # type: ignore[misc]
        """Raise ``ValidationError`` for variables that nobody defines, where the setting says so."""
        from ..compiling import undefined

        if settings.UNDEFINED_VARIABLES == "refuse":
            undefined.refuse(undefined.of_template(self))


class VpnInterface(BackendInterface):
    """What one can ask a VPN server."""

    class Meta:
        abstract = True

    def _layers(  # type: ignore[misc]
        self: Vpn, templates: Any = None
    ) -> Layers:
        return self.get_config(), [each.config for each in templates or ()], self.get_context()

    def generate(self: Vpn) -> BytesIO:  # type: ignore[misc]
        """Return the archive (tar.gz) that the server may fetch, as it would compile now."""
        from ..vpn.reading import server_config

        return BytesIO(server_config.render(self).data)

    def check_rules(self: Vpn) -> None:  # type: ignore[misc]
        """Raise ``ValidationError`` unless the server meets every rule; see ``provisioning.check``."""
        from ..vpn import provisioning

        provisioning.check(self)

    def provided(self: Vpn) -> AbstractContextManager[None]:  # type: ignore[misc]
        """Give the server what it lacks, then let it be stored; see ``provisioning.provided``."""
        from ..vpn import provisioning

        return provisioning.provided(self)

    def get_context(self: Vpn) -> dict[str, Any]:  # type: ignore[misc]
        """Return the variables of the server's own configuration."""
        from ..vpn.reading import variables

        return variables.of_own_configuration(self)

    def get_system_context(self: Vpn) -> dict[str, Any]:  # type: ignore[misc]
        """Same as ``get_context``: people define no variables for servers."""
        return self.get_context()

    def get_config(self: Vpn) -> dict[str, Any]:  # type: ignore[misc]
        """Return the configuration with what the controller puts in: key, address and peers."""
        from ..vpn.reading import server_config

        return server_config.complete(self)

    def get_vpn_server_context(self: Vpn) -> dict[str, Any]:  # type: ignore[misc]
        """Return the variables that templates and devices get from the server, named after its primary key."""
        from ..vpn.reading import variables

        return variables.of_server(self)

    def auto_client(  # type: ignore[misc]
        self: Vpn,
        auto_cert: bool = True,
        template_backend_class: Any = None,
    ) -> dict[str, Any]:
        """Return the configuration of a device that connects to this server, in NetJSON, with variables.

        Args:
            auto_cert: whether the device has a certificate of its own.
            template_backend_class: backend class of the device, or its path; None = OpenWrt.
        """
        from ..vpn.reading import auto_client

        return auto_client.automatic_client_config(self, auto_cert=auto_cert, device_backend=template_backend_class)


class VpnClientInterface(models.Model):
    """What a client of a VPN server does when it is stored."""

    class Meta:
        abstract = True

    def create(self: VpnClient) -> None:  # type: ignore[misc]
        """Store the new client with what it needs, as many are stored at once; see ``clients.create_one``."""
        from ..vpn import clients

        clients.create_one(self)

    def provide(self: VpnClient) -> None:  # type: ignore[misc]
        """Give the client what it lacks: certificate, address, keys, network identifier, identity."""
        from ..vpn import clients

        clients.provide([self], inline=True)


def remove_vpn_clients_first(which: models.Q) -> AbstractContextManager[None]:
    """Remove VPN clients, all at once, then go on with deleting what they depend on; see ``clients.removed_first``."""
    from ..vpn import clients

    return clients.removed_first(which)
