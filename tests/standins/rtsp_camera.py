"""A network camera of the RTSP kind, for tests: gst-rtsp-server in its own process.

    /usr/bin/python3 rtsp_camera.py --port 0 --fps 30 [--clip FILE] [--user NAME --password WORD]

Prints one line `port N` when it listens and serves H.264 at `rtsp://127.0.0.1:N/live`. Runs with
the system's Python, which has the GStreamer bindings; exits with 77 and a reason where they are
missing (Debian: gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base
gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly). Faults are caused from outside, as with
http_mjpeg_camera.py.
"""

from __future__ import annotations

import argparse
import sys

NOT_INSTALLED = 77
KEY_FRAME_INTERVAL = 30

try:
    import gi

    gi.require_version('Gst', '1.0')
    gi.require_version('GstRtspServer', '1.0')
    from gi.repository import GLib, Gst, GstRtspServer
except (ImportError, ValueError) as reason:
    print(f'not installed: {reason}', flush=True)
    sys.exit(NOT_INSTALLED)


def launch_line(options: argparse.Namespace) -> str:
    """What every viewer's session is made from; a clip comes in through an appsrc."""
    caps = f'video/x-raw,format=I420,{size_and_rate(options)}'
    if options.clip:
        picture = f'appsrc name=clip is-live=true format=time do-timestamp=true caps={caps}'
    else:
        picture = f'videotestsrc is-live=true pattern=ball ! {caps}'
    encoder = f'x264enc tune=zerolatency speed-preset=ultrafast key-int-max={KEY_FRAME_INTERVAL}'
    return f'( {picture} ! {encoder} ! rtph264pay name=pay0 pt=96 config-interval=1 )'


def size_and_rate(options: argparse.Namespace) -> str:
    """Caps of the stream."""
    return f'width={options.width},height={options.height},framerate={round(options.fps)}/1'


class ClipPlayer:
    """Plays a clip for ever and gives its pictures to every session there is."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Start playing."""
        self._sources: list = []
        self._pipeline = Gst.parse_launch(
            f'filesrc location={options.clip} ! decodebin ! videoconvert ! videoscale ! videorate '
            f'! video/x-raw,format=I420,{size_and_rate(options)} '
            '! appsink name=sink emit-signals=true sync=true max-buffers=2 drop=true'
        )
        self._pipeline.get_by_name('sink').connect('new-sample', self._on_sample)
        bus = self._pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect('message::eos', self._on_end)
        self._pipeline.set_state(Gst.State.PLAYING)

    def serve(self, _factory, media) -> None:
        """A session has been made."""
        self._sources.append(media.get_element().get_by_name_recurse_up('clip'))

    def _on_sample(self, sink):
        """One picture for all."""
        picture = sink.emit('pull-sample').get_buffer()
        for source in list(self._sources):
            # A buffer of its own for each: the session stamps it.
            result = source.emit('push-buffer', picture.copy_deep())
            if result != Gst.FlowReturn.OK:
                self._sources.remove(source)
        return Gst.FlowReturn.OK

    def _on_end(self, _bus, _message) -> None:
        """From the beginning."""
        self._pipeline.seek_simple(Gst.Format.TIME, Gst.SeekFlags.FLUSH, 0)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--port', type=int, default=0, help='0: any free port')
    parser.add_argument('--fps', type=float, default=30.0)
    parser.add_argument('--width', type=int, default=640)
    parser.add_argument('--height', type=int, default=360)
    parser.add_argument('--clip', help='video to play instead of a moving ball')
    parser.add_argument('--user')
    parser.add_argument('--password', default='')
    options = parser.parse_args()
    Gst.init(None)
    for element in ('x264enc', 'rtph264pay', 'videotestsrc'):
        if Gst.ElementFactory.find(element) is None:
            print(f'not installed: GStreamer element {element}', flush=True)
            sys.exit(NOT_INSTALLED)
    server = GstRtspServer.RTSPServer()
    server.set_address('127.0.0.1')
    server.set_service(str(options.port))
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch_line(options))
    if options.clip:
        factory.connect('media-configure', ClipPlayer(options).serve)
    factory.set_shared(True)
    if options.user:
        require_password(server, factory, options.user, options.password)
    server.get_mount_points().add_factory('/live', factory)
    server.attach(None)
    print(f'port {server.get_bound_port()}', flush=True)
    GLib.MainLoop().run()


def require_password(server, factory, user: str, password: str) -> None:
    """Basic authentication for the stream."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string('media.factory.role', 'viewer')
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role('viewer', 'media.factory.access', True)
    permissions.add_permission_for_role('viewer', 'media.factory.construct', True)
    factory.set_permissions(permissions)


if __name__ == '__main__':
    main()
