"""The page in headless Chromium: which picture it shows when, read from its pixels.

The marks of the pattern source are read back in every frame that the browser draws, so what counts
is what a person would see. Chromium counts time from the start of the page in CLOCK_MONOTONIC, and
says when that was.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mmoment_camera.pattern import (
    COLUMNS,
    LEAST_CONTRAST,
    ROWS,
    STAMP_MODULUS_US,
    STRIP_BOTTOM,
    STRIP_LEFT,
    STRIP_RIGHT,
    STRIP_TOP,
)

FLAGS = (
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    # So wide that every way sends the camera's own size.
    '--window-size=1900,1200',
)
WAIT_S = 30.0
# Reads the mark of what is shown, in every frame of the browser.
PROBE = f"""
const small = document.createElement('canvas');
small.width = {COLUMNS}; small.height = {ROWS};
const context = small.getContext('2d', {{ willReadFrequently: true }});
context.imageSmoothingEnabled = false;
const crc = (bytes) => bytes.reduce((sum, byte) => {{
  let value = sum ^ (byte << 8);
  for (let bit = 0; bit < 8; bit += 1) value = value & 0x8000 ? (value << 1) ^ 0x1021 : value << 1;
  return value & 0xffff;
}}, 0xffff);
const word = (bytes, first) => new DataView(bytes.buffer).getUint32(first);
function mark() {{
  const canvas = document.getElementById('picture');
  const source = canvas.hidden ? document.getElementById('picture-image') : canvas;
  const width = source.naturalWidth ?? source.width, height = source.naturalHeight ?? source.height;
  if (!width) return null;
  context.drawImage(source, width * {STRIP_LEFT}, height * {STRIP_TOP},
    width * {STRIP_RIGHT - STRIP_LEFT}, height * {STRIP_BOTTOM - STRIP_TOP}, 0, 0, {COLUMNS}, {ROWS});
  const pixels = context.getImageData(0, 0, {COLUMNS}, {ROWS}).data;
  const cells = Array.from({{ length: {COLUMNS * ROWS} }}, (_, cell) => pixels[4 * cell + 1]);
  const low = Math.min(...cells), high = Math.max(...cells);
  if (high - low < {LEAST_CONTRAST}) return null;
  const bits = cells.map((cell) => (cell > (low + high) / 2 ? 1 : 0));
  const bytes = new Uint8Array(10);
  bits.slice(1).forEach((bit, place) => {{ bytes[place >> 3] |= bit << (7 - (place & 7)); }});
  if (!bits[0] || crc(bytes.subarray(0, 8)) !== (bytes[8] << 8 | bytes[9])) return null;
  return [word(bytes, 0), word(bytes, 4)];
}}
window.shown = [];
let last = null;
const look = () => {{
  const now = performance.now();
  const read = mark();
  if (read && read[0] !== last) {{
    last = read[0];
    window.shown.push([...read, now]);
  }}
  requestAnimationFrame(look);
}};
look();
"""
# How long a new viewer waits, in a loop: a way of its own beside that of the page.
NEWCOMERS = """
const [count, pause, done] = arguments;
import('/assets/page-live-ways.js').then(async ({ VideoWay }) => {
  const waited = [];
  for (let number = 0; number < count; number += 1) {
    await new Promise((next) => { setTimeout(next, pause * (0.5 + Math.random())); });
    const began = performance.now();
    const result = await new Promise((settle) => {
      const way = new VideoWay({
        picture: () => { settle(performance.now() - began); way.stop(); },
        silent: () => { settle(null); way.stop(); },
        fault: () => settle(null),
      });
      way.start('overlay=0');
    });
    waited.push(result);
  }
  done(waited);
});
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown by one way: ages in ms of each picture when it was there, and how many came."""

    ages_ms: list[float]
    fps: float
    told_ms: float | None


class Page:
    """The page of a camera; a link signs in."""

    def __init__(self, driver: Any, link: str) -> None:
        self._driver = driver
        driver.set_script_timeout(120)
        driver.get(link)
        self._until("location.pathname === '/test-page'")
        self._until("document.getElementById('live-badge').textContent === 'live'")
        self._script(
            "const box = document.getElementById('overlay-switch');if (box.checked) box.click();"
        )
        self._script(PROBE)
        self._began_ms = self._page_start_ms()

    def shown(self, way: str, title: str, warm_up_s: float, seconds: float) -> Shown:
        """What is shown by this way."""
        self._script(
            "const choice = document.getElementById('way-choice');"
            f"choice.value = '{way}'; choice.dispatchEvent(new Event('change'));"
        )
        told = "document.getElementById('figure-way').textContent"
        self._until(f"{told}.startsWith('{title}')")
        self._until("document.getElementById('placeholder').hidden")
        time.sleep(warm_up_s)
        self._script('window.shown.length = 0;')
        time.sleep(seconds)
        rows = self._script('return window.shown;')
        label = str(self._script(f'return {told};'))
        words = label.split(' ')
        age = float(words[-2]) if words[-1] == 'ms' else None
        return Shown([self._age_ms(row[1], row[2]) for row in rows], len(rows) / seconds, age)

    def newcomers(self, count: int, pause_ms: float) -> list[float]:
        """How long viewers who come one after the other wait for their first picture, ms."""
        waited = self._driver.execute_async_script(NEWCOMERS, count, pause_ms)
        if None in waited:
            raise RuntimeError('a new viewer got no picture')
        return [float(value) for value in waited]

    def _age_ms(self, captured_us: int, shown_ms: float) -> float:
        shown_us = (self._began_ms + shown_ms) * 1000
        return ((shown_us - captured_us) % STAMP_MODULUS_US) / 1000

    def _page_start_ms(self) -> float:
        """CLOCK_MONOTONIC at the zero of `performance.now()`."""
        self._driver.execute_cdp_cmd('Performance.enable', {})
        answer = self._driver.execute_cdp_cmd('Performance.getMetrics', {})
        metrics = {item['name']: item['value'] for item in answer['metrics']}
        began_ms = 1000 * float(metrics['NavigationStart'])
        before_ms = time.monotonic() * 1000
        now_ms = float(self._script('return performance.now();'))
        after_ms = time.monotonic() * 1000
        if not before_ms - 1 <= began_ms + now_ms <= after_ms + 1:
            raise RuntimeError('the clock of this browser is not that of the camera')
        return began_ms

    def _script(self, text: str) -> Any:
        return self._driver.execute_script(text)

    def _until(self, condition: str) -> None:
        deadline_s = time.monotonic() + WAIT_S
        while not self._script(f'return Boolean(document.body) && ({condition});'):
            if time.monotonic() > deadline_s:
                shown = self._script('return document.body.innerText;')
                raise RuntimeError(f'the page never came to: {condition}\n{shown[:500]}')
            time.sleep(0.05)


@contextlib.contextmanager
def open_page(link: str) -> Iterator[Page]:
    """The page behind a sign-in link, in a browser of its own."""
    from selenium import webdriver

    chromium = shutil.which('chromium') or shutil.which('chromium-browser')
    chromedriver = shutil.which('chromedriver')
    if chromium is None or chromedriver is None:
        raise RuntimeError(
            'this benchmark needs Chromium: apt-get install chromium chromium-driver'
        )
    with tempfile.TemporaryDirectory(prefix='bench-browser-') as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in (*FLAGS, f'--user-data-dir={profile}'):
            options.add_argument(flag)
        driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
        try:
            yield Page(driver, link)
        finally:
            driver.quit()
