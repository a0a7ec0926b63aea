"""The past of a device's configuration, and which revision it may fetch."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as ModelError
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from ...common.rest.permissions import may
from ...common.rest.serializers import refused
from ..devices import history
from ..models import Config, Device, Revision
from .views import DeviceView, archive_response

_WITH = OpenApiParameter("with", int, description="The other revision, by default the one before.")
_POINTERS = ("compiled", "released", "downloaded", "applied")


class RevisionSerializer(serializers.ModelSerializer):
    """What a configuration compiled to: when, why, by whom."""

    author = serializers.CharField(source="author.username", default=None, read_only=True, allow_null=True)
    states = serializers.SerializerMethodField(help_text="Which pointers of the device hold it.")

    class Meta:
        model = Revision
        fields: tuple[str, ...] = ("id", "created", "cause", "detail", "author", "checksum", "states")
        read_only_fields: tuple[str, ...] = fields

    def get_states(self, revision: Revision) -> list[str]:
        config = self.context["config"]
        return [name for name in _POINTERS if getattr(config, f"{name}_id") == revision.pk]


class FileSerializer(serializers.Serializer):
    """A file of an archive."""

    path = serializers.CharField()
    mode = serializers.CharField(help_text="In octal, such as 0644.")
    contents = serializers.CharField()


class RevisionDetailSerializer(RevisionSerializer):
    """A revision with its files."""

    files = serializers.SerializerMethodField()

    class Meta(RevisionSerializer.Meta):
        fields = (*RevisionSerializer.Meta.fields, "files")
        read_only_fields = fields

    @extend_schema(responses=FileSerializer(many=True))
    def get_files(self, revision: Revision) -> list[dict[str, str]]:
        return [{"path": each.path, "mode": each.mode, "contents": each.contents} for each in revision.files()]


class DiffSerializer(serializers.Serializer):
    """What differs between two revisions."""

    old = serializers.IntegerField(allow_null=True)
    new = serializers.IntegerField()
    diff = serializers.CharField(help_text="Unified diff of the files; empty when they are the same.")


class ReleaseSerializer(serializers.ModelSerializer):
    """Which revision a device may fetch, and what waits."""

    pending = serializers.SerializerMethodField(help_text="The revision that waits while the device is held.")
    is_stale = serializers.SerializerMethodField(help_text="Whether a change is still to be compiled.")

    class Meta:
        model = Config
        fields = ("release_policy", *_POINTERS, "pending", "is_stale", "compile_error", "undefined_variables")
        read_only_fields = fields

    def get_pending(self, config: Config) -> int | None:
        return config.compiled_id if config.compiled_id != config.released_id else None

    def get_is_stale(self, config: Config) -> bool:
        return config.stale_since is not None


class _OfConfiguration(DeviceView):
    """Something about the configuration of the device in the address; 404 when it has none."""

    post_permission = "change"
    shows_contents = False
    """Contents hold the secrets of devices: they are for those who may change devices."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        device = self.get_object()
        if not device.has_config():
            raise NotFound
        self.config: Config = device.config
        self.config.device = device
        if self.shows_contents and not may(request.user, "change", Device):
            raise PermissionDenied

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "config": getattr(self, "config", None)}

    def revisions(self) -> QuerySet[Revision]:
        return history.revisions(self.config)

    def revision(self, key: Any) -> Revision:
        """Return a revision of this configuration, with its archive."""
        found = self.revisions().defer(None).filter(pk=key).first()
        if found is None:
            raise NotFound
        return found


class DeviceRevisionList(_OfConfiguration):
    """Lists what the configuration of a device compiled to, the newest first."""

    serializer_class = RevisionSerializer

    @extend_schema(operation_id="controller_device_revision_list", responses=RevisionSerializer(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.revisions())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class DeviceRevisionDetail(_OfConfiguration):
    """Shows a revision with its files."""

    serializer_class = RevisionDetailSerializer
    shows_contents = True

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.get_serializer(self.revision(kwargs["revision_id"])).data)


class DeviceRevisionArchive(_OfConfiguration):
    """Downloads the archive of a revision."""

    serializer_class: Any = None
    shows_contents = True

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        revision = self.revision(kwargs["revision_id"])
        return archive_response(f"{self.config.name}-{revision.pk}", bytes(revision.archive))


class DeviceRevisionDiff(_OfConfiguration):
    """Shows what a revision changed, compared with the one before or another one."""

    serializer_class = DiffSerializer
    shows_contents = True

    @extend_schema(parameters=[_WITH], responses={200: DiffSerializer, 400: OpenApiTypes.OBJECT})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        new = self.revision(kwargs["revision_id"])
        given = request.query_params.get("with")
        if given is not None:
            if not given.isdecimal() or len(given) > 18:
                raise ValidationError({"with": ["Enter a number."]})
            old: Revision | None = self.revision(given)
        else:
            old = self.revisions().defer(None).filter(pk__lt=new.pk).first()
        data = {"old": old.pk if old else None, "new": new.pk, "diff": history.diff(old, new)}
        return Response(self.get_serializer(data).data)


class DeviceRelease(_OfConfiguration):
    """Shows which revision a device may fetch; lifts the hold."""

    serializer_class = ReleaseSerializer

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Show which revision a device may fetch, and what waits."""
        return Response(self.get_serializer(self.config).data)

    @extend_schema(request=None)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Lift the hold: what the configuration compiles to now is released."""
        return self.act()

    def act(self) -> Response:
        if self.config.device.is_deactivated():
            raise PermissionDenied
        try:
            self.change()
        except ModelError as error:
            raise refused(error) from None
        return Response(self.get_serializer(Config.objects.get(pk=self.config.pk)).data)

    def change(self) -> None:
        history.lift_hold(self.config)


class DeviceHold(DeviceRelease):
    """Holds a device at the released revision: changes are compiled and wait."""

    http_method_names = ("post", "options")

    @extend_schema(request=None)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Hold a device at the released revision: changes are compiled and wait."""
        return self.act()

    def change(self) -> None:
        history.hold(self.config)


class DeviceRollBack(DeviceRelease):
    """Releases an older revision and holds the device there."""

    http_method_names = ("post", "options")

    @extend_schema(request=None)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Release an older revision and hold the device there."""
        return self.act()

    def change(self) -> None:
        history.roll_back(self.config, self.revision(self.kwargs["revision_id"]))
