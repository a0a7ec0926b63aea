"""Addresses of the device protocol; the shorter form of each is the one that shipped agents use."""

from collections.abc import Callable

from django.http import HttpResponse
from django.urls import URLPattern, re_path

from . import views

app_name = "controller"
_ID = r"(?P<pk>[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"


def _both(path: str, view: Callable[..., HttpResponse], name: str) -> list[URLPattern]:
    return [
        re_path(rf"^controller/{path}/$", view, name=f"{name}_legacy"),
        re_path(rf"^controller/device/{path}/$", view, name=f"device_{name}"),
    ]


urlpatterns = [
    *_both(rf"checksum/{_ID}", views.checksum, "checksum"),
    *_both(rf"download-config/{_ID}", views.download_config, "download_config"),
    *_both(rf"report-status/{_ID}", views.report_status, "report_status"),
    *_both(rf"update-info/{_ID}", views.update_info, "update_info"),
    *_both("register", views.register, "register"),
    re_path(rf"^controller/vpn/checksum/{_ID}/$", views.vpn_checksum, name="vpn_checksum"),
    re_path(rf"^controller/vpn/download-config/{_ID}/$", views.vpn_download_config, name="vpn_download_config"),
]
