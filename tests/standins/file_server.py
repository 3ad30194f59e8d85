"""A web server with one file and faults: what a download meets on real networks."""

import hashlib
import http.server
import threading
import time


class FileServer:
    """Serves `content` at `address`; each request takes the next of `faults`, None is none.

    Faults: an int cuts the answer off after so many bytes; `stall` goes silent after half of it,
    `trickle` sends a byte every now and then, `no range` sends everything, `lie` another range,
    `404` and other numbers as text are answers.
    """

    def __init__(self, content: bytes):
        self.content = content
        self.faults = []
        self.has_tags = True
        self.announces_length = True
        self.seen = []
        self.released = threading.Event()
        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), self._handler())
        self._server.daemon_threads = True
        self.address = f'http://127.0.0.1:{self._server.server_port}/model.pt'
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def ranges(self):
        """Where each request wanted to begin; None: at the beginning."""
        return [headers.get('Range') for headers in self.seen]

    def _handler(self):
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.seen.append(self.headers)
                fault = server.faults.pop(0) if server.faults else None
                if isinstance(fault, str) and fault.isdigit():
                    self.send_error(int(fault))
                    return
                server._answer(self, fault)

            def log_message(self, *words):
                pass

        return Handler

    def _answer(self, handler, fault):
        content, tag = self.content, f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'
        wanted = handler.headers.get('Range')
        condition = handler.headers.get('If-Range')
        if wanted and fault != 'no range' and condition in (None, tag):
            first = int(wanted.removeprefix('bytes=').removesuffix('-'))
            if first >= len(content):
                handler.send_error(416)
                return
            handler.send_response(206)
            begins = 0 if fault == 'lie' else first
            handler.send_header(
                'Content-Range', f'bytes {begins}-{len(content) - 1}/{len(content)}'
            )
            body = content[first:]
        else:
            handler.send_response(200)
            body = content
        if self.has_tags:
            handler.send_header('ETag', tag)
        if self.announces_length:
            handler.send_header('Content-Length', str(len(body)))
        handler.end_headers()
        self._send(handler, body, fault)

    def _send(self, handler, body, fault):
        try:
            if isinstance(fault, int):
                handler.wfile.write(body[:fault])
            elif fault == 'stall':
                handler.wfile.write(body[: len(body) // 2])
                handler.wfile.flush()
                self.released.wait(30)
            elif fault == 'trickle':
                for number in range(len(body)):
                    handler.wfile.write(body[number : number + 1])
                    time.sleep(0.02)
                    if self.released.is_set():
                        return
            else:
                handler.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            pass
