"""A real S3 server as a process on loopback, and a line to it that a test can cut."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time

import s3fs

BUCKET = 'gym'
KEY, SECRET = 'key-of-the-test', 'secret-of-the-test'
WAIT_S = 30.0


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class S3Server:
    """Keeps objects in memory while it runs."""

    def __init__(self):
        self.port = free_port()
        self.endpoint = f'http://127.0.0.1:{self.port}'
        self._process = None

    def start(self, bucket=BUCKET):
        words = [sys.executable, '-m', 'moto.server', '--port', str(self.port)]
        self._process = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + WAIT_S
        while True:
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                break
            except OSError:
                assert time.monotonic() < end, 'the S3 server does not start'
                time.sleep(0.05)
        if bucket:
            self.client().mkdir(bucket)

    def kill(self):
        self._process.kill()
        self._process.wait()

    def client(self):
        return s3fs.S3FileSystem(
            key=KEY,
            secret=SECRET,
            endpoint_url=self.endpoint,
            skip_instance_cache=True,
            use_listings_cache=False,
        )

    def objects(self, folder=BUCKET):
        """Content by name."""
        client = self.client()
        return {path[len(folder) + 1 :]: client.cat_file(path) for path in client.find(folder)}

    def begun(self):
        """Keys of uploads in parts that were not completed."""
        answer = self.client().call_s3('list_multipart_uploads', Bucket=BUCKET)
        return [upload['Key'] for upload in answer.get('Uploads') or []]

    def options(self, folder, endpoint=None):
        """An options file."""
        path = folder / 'remote.json'
        content = {'key': KEY, 'secret': SECRET, 'endpoint_url': endpoint or self.endpoint}
        path.write_text(json.dumps(content))
        path.chmod(0o600)
        return str(path)


class Line:
    """Passes bytes on to a port, until it is cut after so many of them."""

    def __init__(self, port):
        self._target = port
        self._server = socket.create_server(('127.0.0.1', 0))
        self.endpoint = f'http://127.0.0.1:{self._server.getsockname()[1]}'
        self.sent = 0
        self.cut_after = None
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                with contextlib.suppress(OSError):
                    far = socket.create_connection(('127.0.0.1', self._target))
                    self._open += [near, far]
                    for pair in ((near, far, True), (far, near, False)):
                        threading.Thread(target=self._pass_on, args=pair, daemon=True).start()
                    continue
                near.close()

    def _pass_on(self, source, target, is_counted):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if is_counted:
                    self.sent += len(data)
                    if self.cut_after is not None and self.sent > self.cut_after:
                        self.cut()
                        return
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def cut(self):
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self):
        self._server.close()
        self.cut()
