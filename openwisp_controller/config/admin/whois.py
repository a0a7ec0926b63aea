"""What is known about the address of a device, on its page."""

from __future__ import annotations

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..models import WHOISInfo


def summary(record: WHOISInfo | None) -> SafeString:
    """Return provider and country in a table, and the rest in a block that can be opened."""
    if record is None:
        return format_html('<span class="controller-note">{}</span>', _("Nothing is known about this address."))
    details = (
        (_("ASN"), record.asn), (_("Timezone"), record.timezone), (_("Address"), record.formatted_address),
        (_("CIDR"), record.cidr),
    )  # fmt: skip
    return format_html(
        '<table class="controller-whois"><thead><tr><th>{}</th><th>{}</th></tr></thead>'
        "<tbody><tr><td>{}</td><td>{}</td></tr></tbody></table>"
        '<details class="controller-whois"><summary>{}</summary><dl>{}</dl></details>',
        _("ISP"), _("Country"), record.isp or "-", record.address.get("country") or "-", _("Details"),
        format_html_join("", "<dt>{}</dt><dd>{}</dd>", ((name, value or "-") for name, value in details)),
    )  # fmt: skip
