"""Addresses of the device protocol."""

from ..utils import get_controller_urls
from . import views

app_name = "controller"
urlpatterns = get_controller_urls(views)
