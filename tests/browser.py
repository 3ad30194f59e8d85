"""A real browser for tests of pages. Where selenium is missing, whoever imports this is skipped."""

import shutil
import time
from contextlib import contextmanager, suppress

import pytest

webdriver = pytest.importorskip('selenium.webdriver', reason='selenium is not installed')
exceptions = pytest.importorskip('selenium.common.exceptions')
Select = pytest.importorskip('selenium.webdriver.support.select').Select

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
DRIVER = shutil.which('chromedriver')
# Nothing but our own pages is to be asked for, and nothing of an earlier run to be kept.
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
)


@contextmanager
def open_browser(profile, *flags, window):
    """Chromium, with a window of the given width and height."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, *flags, f'--window-size={window}', f'--user-data-dir={profile}'):
        options.add_argument(flag)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def wait_for_page(condition, timeout_s):
    """Wait for a condition; returns its value.

    While a page loads, its address is there before its elements are.
    """
    deadline_s = time.monotonic() + timeout_s
    while True:
        with suppress(
            exceptions.NoSuchElementException,
            exceptions.StaleElementReferenceException,
            exceptions.ElementNotInteractableException,
        ):
            if value := condition():
                return value
        assert time.monotonic() < deadline_s, 'it never came true'
        time.sleep(0.05)
