"""vault.js and siws.js in a real browser, under the rules that every page of the camera has."""

import json
import queue
import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mmoment_api.web_guard import CONTENT_SECURITY_POLICY
from mmoment_chain.wallet import parse_signature, parse_wallet, verify

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(CHROMIUM is None, reason='Chromium is not installed'),
]

SOURCE = Path(__file__).parent.parent / 'src'
WEB = SOURCE / 'mmoment_api' / 'mmoment_api' / 'web'
CHAIN_TEST = SOURCE / 'mmoment_chain' / 'test'
SCRIPT = 'text/javascript'
FILES = {
    '/vault.js': (SCRIPT, WEB / 'vault.js'),
    '/siws.js': (SCRIPT, WEB / 'siws.js'),
    '/test-wallet.js': (SCRIPT, CHAIN_TEST / 'js' / 'test-wallet.js'),
    '/browser.js': (SCRIPT, CHAIN_TEST / 'js' / 'browser.js'),
    '/vault.json': ('application/json', CHAIN_TEST / 'vectors' / 'vault.json'),
}
PAGE = b'<!doctype html><title>vault</title><script type="module" src="browser.js"></script>'
FLAGS = (
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
)
WAIT_S = 60.0


@contextmanager
def served():
    """A page that runs the checks; gives its address and the queue of what it sends back."""
    outcomes = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            kind, path = FILES.get(self.path, ('text/html', None))
            content = PAGE if path is None else path.read_bytes()
            self.send_response(200)
            self.send_header('Content-Type', f'{kind}; charset=utf-8')
            self.send_header('Content-Security-Policy', CONTENT_SECURITY_POLICY)
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self):
            outcomes.put(json.loads(self.rfile.read(int(self.headers['Content-Length']))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f'localhost:{server.server_port}', outcomes
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope='module')
def visit(tmp_path_factory):
    """What a browser makes of the page, and the host that it is from."""
    profile = tmp_path_factory.mktemp('browser')
    with served() as (host, outcomes):
        command = [CHROMIUM, *FLAGS, f'--user-data-dir={profile}', '--remote-debugging-port=0']
        browser = subprocess.Popen(
            [*command, f'http://{host}/'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield outcomes.get(timeout=WAIT_S), host
        finally:
            browser.terminate()
            browser.wait(WAIT_S)


def test_the_browser_agrees_with_every_vector(visit):
    outcome, _ = visit
    assert outcome.get('error') is None
    assert outcome['supported']
    assert len(outcome['same']) > 20
    assert [name for name, is_same in outcome['same'].items() if not is_same] == []


def test_a_wallet_signs_in_at_the_page_that_asked(visit):
    outcome, host = visit
    signed = outcome['signed']
    message = signed['message']
    assert message.startswith(f'{host} wants you to sign in with your Solana account:\n')
    signature = parse_signature(signed['signature'])
    assert verify(parse_wallet(signed['wallet_address']), message.encode(), signature)
