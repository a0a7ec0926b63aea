"""Addresses of the REST interface, below ``/api/v1/``."""

from ..utils import get_geo_urls
from . import views

app_name = "geo_api"
urlpatterns = get_geo_urls(views)
