"""Makes the object for a source address. Libraries are loaded when a source needs them."""

from __future__ import annotations

from mmoment_camera.source import PictureSource, SourceSettings
from mmoment_camera.source_address import SourceAddress


def make_source(address: SourceAddress, settings: SourceSettings) -> PictureSource:
    """A fresh, closed source for one attempt.

    `auto` is no source but a choice between some: mmoment_camera.source_plan makes it.
    """
    match address.kind:
        case 'v4l2':
            from mmoment_camera.v4l2_source import V4l2Source

            return V4l2Source(address.target, settings)
        case 'csi':
            from mmoment_camera.csi_source import CsiSource

            return CsiSource(int(address.target), settings)
        case 'rtsp':
            from mmoment_camera.rtsp_source import RtspSource

            return RtspSource(address.target, address.description, settings)
        case 'http':
            from mmoment_camera.http_source import HttpSource

            return HttpSource(address.target, address.description, settings)
        case 'file':
            from mmoment_camera.file_source import FileSource

            return FileSource(address.target, settings)
        case 'pattern':
            from mmoment_camera.pattern_source import PatternSource

            return PatternSource(settings)
        case 'demo':
            from mmoment_camera.demo_source import DemoSource

            return DemoSource(settings)
    raise ValueError(f'no source of kind {address.kind!r}')
