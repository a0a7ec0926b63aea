"""Start-up of the certificates app."""

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

for _name, _model in (("DJANGO_X509_CA_MODEL", "pki.Ca"), ("DJANGO_X509_CERT_MODEL", "pki.Cert")):
    if not hasattr(settings, _name):
        setattr(settings, _name, _model)  # before the library's models are loaded, which look it up


class PkiConfig(AppConfig):
    name = "openwisp_controller.pki"
    label = "pki"
    verbose_name = _("Public Key Infrastructure")
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        from django.db.models.signals import pre_save

        from . import dashboard
        from .models import Ca, Cert
        from .models.issued import keep_what_was_issued

        for model in (Ca, Cert):
            pre_save.connect(keep_what_was_issued, sender=model, dispatch_uid=f"pki_restoring_{model.__name__}")
        dashboard.register()
        self._register_menu()

    def _register_menu(self) -> None:
        from openwisp_utils.admin_theme.menu import register_menu_group

        pages = ((_("Certification Authorities"), "pki.Ca"), (_("Certificates"), "pki.Cert"))
        items = {
            position: {"label": label, "model": model, "name": "changelist", "icon": "controller-certificate-icon"}
            for position, (label, model) in enumerate(pages, 1)
        }
        register_menu_group(
            position=60,
            config={"label": _("Cas & Certificates"), "items": items, "icon": "controller-certificate-icon"},
        )
