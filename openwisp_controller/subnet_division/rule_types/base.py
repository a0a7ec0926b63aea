"""What all types of subnet division rules have in common, and the interface of custom ones."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

import swapper
from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.db.models import Model, QuerySet
from django.dispatch import Signal

from ...config.unit_of_work import unit_of_work
from .. import deprovision, provisioning, rules

if TYPE_CHECKING:
    from openwisp_ipam.models import Subnet

    from ...config.models import Config
    from ..models import SubnetDivisionRule

Sender = tuple[str, str] | type[Model]


class BaseSubnetDivisionRuleType:
    """Base of all rule types; they have no instances.

    Subclasses name the signals that make them act and say which objects get something. Provisioning itself is done for
    many objects at once, in the unit of work of the change (see ``docs/how-to/divide-subnets.md``).
    """

    provision_signal: ClassVar[Signal]
    provision_sender: ClassVar[Any]
    """Model class, or (app label, model name)."""
    provision_dispatch_uid: ClassVar[str]
    destroyer_signal: ClassVar[Signal]
    destroyer_sender: ClassVar[Any]
    destroyer_dispatch_uid: ClassVar[str]
    organization_id_path: ClassVar[str]
    """Dotted path from the instance to the key of its organization."""
    subnet_path: ClassVar[str]
    """Dotted path from the instance to the master subnet."""
    config_path: ClassVar[str] = "config"
    """Dotted path from the instance to its configuration; ``self`` = the instance is one."""

    # set-up

    @classmethod
    def validate_rule_type(cls) -> None:
        """Check the attributes and look up the senders.

        Raises:
            ImproperlyConfigured: naming the class and the attribute that is wrong.
        """
        for name, kind in (
            ("provision_signal", Signal), ("destroyer_signal", Signal), ("provision_dispatch_uid", str),
            ("destroyer_dispatch_uid", str), ("organization_id_path", str), ("subnet_path", str), ("config_path", str),
        ):  # fmt: skip
            if not isinstance(getattr(cls, name, None), kind):
                raise ImproperlyConfigured(f"{cls.__module__}.{cls.__name__}.{name} must be a {kind.__name__}")
        for name in ("provision_sender", "destroyer_sender"):
            setattr(cls, name, cls._model(name))

    @classmethod
    def _model(cls, name: str) -> type[Model]:
        sender = getattr(cls, name, None)
        if isinstance(sender, tuple) and len(sender) == 2:
            sender = swapper.load_model(*sender)
        if not (isinstance(sender, type) and issubclass(sender, Model)):
            raise ImproperlyConfigured(
                f"{cls.__module__}.{cls.__name__}.{name} must be a model or a pair (app label, model name)"
            )
        return sender

    @classmethod
    def connect(cls) -> None:
        """Connect the receivers to their signals."""
        cls.provision_signal.connect(
            cls.provision_receiver, sender=cls.provision_sender, dispatch_uid=cls.provision_dispatch_uid, weak=False
        )
        cls.destroyer_signal.connect(
            cls.destroyer_receiver, sender=cls.destroyer_sender, dispatch_uid=cls.destroyer_dispatch_uid, weak=False
        )

    # receivers

    @classmethod
    def provision_receiver(cls, instance: Any, **kwargs: Any) -> None:
        """Provision ``instance`` at the end of the current unit of work, if it is to get something.

        Args:
            instance: what the signal is about.
            kwargs: arguments of the signal; ``rule`` restricts the work to one rule.
        """
        if cls.should_create_subnets_ips(instance, **kwargs):
            provisioning.schedule(cls, instance, kwargs.get("rule"))

    @classmethod
    def destroyer_receiver(cls, instance: Any, **kwargs: Any) -> None:
        """Take back what ``instance`` got."""
        cls.destroy_provisioned_subnets_ips(instance, **kwargs)

    @classmethod
    def should_create_subnets_ips(cls, instance: Any, **kwargs: Any) -> bool:
        """Return whether ``instance`` is to get something; gets the arguments of the signal, too."""
        raise NotImplementedError

    @classmethod
    def provision_for_existing_objects(cls, rule_obj: SubnetDivisionRule) -> None:
        """Provision what existed before the rule, by calling ``provision_receiver`` with ``rule=rule_obj`` for each.

        Runs in the background. Types that leave it out provision new objects only.
        """

    @classmethod
    def existing_configs(cls, rule: SubnetDivisionRule) -> QuerySet[Config] | None:
        """Return the configurations of what existed before a rule; they are then provisioned in chunks.

        None = ``provision_for_existing_objects`` does it.
        """
        return None

    @classmethod
    def existing_objects(cls, rule: SubnetDivisionRule, configs: Sequence[Config]) -> Sequence[Any]:
        """Return the objects of these configurations to which a rule applies."""
        return []

    # lookups

    @classmethod
    def get_organization(cls, instance: Any) -> uuid.UUID:
        """Return the key of the organization whose rules apply to ``instance``."""
        organization: uuid.UUID = attrgetter(cls.organization_id_path)(instance)
        return organization

    @classmethod
    def get_subnet(cls, instance: Any) -> Subnet | None:
        """Return the master subnet whose rules apply to ``instance``."""
        subnet: Subnet | None = attrgetter(cls.subnet_path)(instance)
        return subnet

    @classmethod
    def get_config(cls, instance: Any) -> Config:
        """Return the configuration that gets the variables.

        Raises:
            ObjectDoesNotExist: it is not stored.
        """
        config: Config | None = instance if cls.config_path == "self" else attrgetter(cls.config_path)(instance)
        if config is None or config._state.adding:
            raise ObjectDoesNotExist("The configuration is not stored.")
        return config

    @classmethod
    def get_subnet_division_rules(cls, instance: Any) -> Iterable[SubnetDivisionRule]:
        """Return the rules that apply to ``instance``, oldest first."""
        subnet = cls.get_subnet(instance)
        if subnet is None:
            return []
        return cls._rules(organization=cls.get_organization(instance), master_subnet=subnet.pk)

    @classmethod
    def _rules(cls, **which: Any) -> list[SubnetDivisionRule]:
        """Look rules of this type up, once in a unit of work for all that are alike."""
        return rules.of_type(cls, **which)

    # the work

    @classmethod
    def create_subnets_ips(
        cls, instance: Any, rule: SubnetDivisionRule, **kwargs: Any
    ) -> provisioning.Provisioned | None:
        """Provision one object by one rule now; return what is new, None when its configuration is not stored."""
        with unit_of_work():
            return provisioning.provision(cls, [(instance, rule)]).get((rule.pk, str(instance.pk)))

    @classmethod
    def after_provisioning(cls, results: Sequence[tuple[Any, provisioning.Provisioned]]) -> None:
        """Go on with what was provisioned by one rule, for many objects at once; calls ``post_provision_handler``."""
        for instance, provisioned in results:
            cls.post_provision_handler(instance, provisioned)

    @classmethod
    def post_provision_handler(cls, instance: Any, provisioned: provisioning.Provisioned, **kwargs: Any) -> None:
        """Do more with what an object got, in the transaction of provisioning. A hook for custom types."""

    @classmethod
    def subnet_provisioned_signal_emitter(
        cls, instance: Any, provisioned: provisioning.Provisioned | None, *, robust: bool = False
    ) -> None:
        """Announce what an object got; called after the commit.

        Args:
            instance: what got something.
            provisioned: what it got.
            robust: a receiver that raises is logged and does not stop the others, as in the background. Types that
                replace this method may leave the argument out.
        """
        provisioning.announce(instance, provisioned, robust=robust)

    @classmethod
    def destroy_provisioned_subnets_ips(cls, instance: Any, **kwargs: Any) -> None:
        """Take back what rules of this type provisioned for ``instance``, at the end of the current unit of work."""
        deprovision.schedule_objects(cls, [instance.pk])
