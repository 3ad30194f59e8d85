"""Which sources are tried, in which order: one, or what `auto` finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mmoment_camera.demo_source import find_portrait
from mmoment_camera.source_address import SourceAddress
from mmoment_camera.v4l2_device import list_cameras

DEVICE_TREE = Path('/proc/device-tree')


class SourcePlan:
    """Names the candidates of an attempt and learns which one delivered.

    Used by one thread. Once `auto` has had a picture from a camera it stays with cameras: a demo
    must not hide that the camera is gone.
    """

    def __init__(
        self,
        address: SourceAddress,
        *,
        devices: Callable[[], list[str]] = list_cameras,
        has_csi: Callable[[], bool] | None = None,
    ) -> None:
        """Plan for a source as a person named it.

        devices, has_csi: what this machine has; looked at before every attempt of `auto`.
        """
        self.address = address
        self._devices = devices
        self._has_csi = has_csi or _has_csi
        self._delivered: SourceAddress | None = None

    @property
    def is_auto(self) -> bool:
        """True where the source is ours to choose."""
        return self.address.kind == 'auto'

    @property
    def has_delivered(self) -> bool:
        """True once a candidate has given a picture."""
        return self._delivered is not None

    @property
    def current(self) -> SourceAddress:
        """The source that delivered last, or what was asked for."""
        return self._delivered or self.address

    def candidates(self) -> list[SourceAddress]:
        """What the next attempt tries, best first; never empty.

        A camera port comes before devices: what processes its pictures has device names, too.
        """
        if not self.is_auto:
            return [self.address]
        cameras = [SourceAddress('csi', '0')] if self._has_csi() else []
        cameras += [SourceAddress('v4l2', path) for path in self._devices()]
        if (delivered := self._delivered) is not None:
            # A camera that was pulled may come back by another name.
            return [delivered, *(camera for camera in cameras if camera != delivered)]
        fallback = 'demo' if find_portrait() is not None else 'pattern'
        return [*cameras, SourceAddress(fallback)]

    def delivered(self, address: SourceAddress) -> None:
        """This candidate has given a picture."""
        self._delivered = address


def _has_csi() -> bool:
    """True on a board (which a device tree describes) whose camera port GStreamer can read."""
    if not DEVICE_TREE.exists():
        return False
    from mmoment_camera.csi_source import find_pipeline

    return find_pipeline() is not None
