"""A challenge is used once, also by several at once, over a sudden end, and after an erasure."""

import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

from challenge_world import (
    DOMAINS,
    OLD_TEXT,
    PERSON,
    WALLET,
    issue,
    new_book,
    old_text,
    redeem,
    result,
)
from refusals import code

from mmoment_chain import challenge_records
from mmoment_chain.store import Store


def together(start, *attempt):
    start.wait()
    return result(*attempt)


def spend(book, store, answer):
    with store.transaction() as tx:
        book.spend(tx, answer)


def test_of_many_redeems_of_one_challenge_one_wins(book, store):
    for _ in range(5):
        text = issue(book).text
        message, signature = text.encode(), bytes(PERSON.sign_message(text.encode()))
        answers = [book.check(WALLET, message, signature, 'a') for _ in range(8)]
        start = threading.Barrier(16)
        attempts = [(spend, book, store, answer) for answer in answers]
        attempts += [(book.redeem, WALLET, message, signature, 'a')] * 8
        with ThreadPoolExecutor(16) as pool:
            running = [pool.submit(together, start, *attempt) for attempt in attempts]
            results = [each.result() for each in running]
        assert sorted(results) == ['used_nonce'] * 15 + ['won']


def test_a_used_nonce_survives_kill_9(tmp_path, clock):
    path = tmp_path / 'camera.db'
    with Store(path, clock) as store:
        text = issue(new_book(store, clock)).text
    signature = bytes(PERSON.sign_message(text.encode()))
    program = f"""
        import os, signal, sys
        sys.path.insert(0, {str(tmp_path)!r})
        sys.path.insert(0, {__file__.rpartition('/')[0]!r})
        from pathlib import Path
        from fake_clock import FakeClock
        from mmoment_chain.challenges import ChallengeBook, ChallengeSettings
        from mmoment_chain.store import Store
        clock = FakeClock({clock.utc_ms()})
        store = Store(Path({str(path)!r}), clock)
        book = ChallengeBook(store, 'lobby', {DOMAINS!r}, ChallengeSettings(), clock)
        book.redeem({WALLET!r}, {text.encode()!r}, {signature!r}, 'a')
        os.kill(os.getpid(), signal.SIGKILL)
    """
    ended = subprocess.run([sys.executable, '-c', textwrap.dedent(program)], check=False)
    assert ended.returncode == -9
    with Store(path, clock) as store:
        assert code(redeem, new_book(store, clock), text) == 'used_nonce'


def test_what_was_signed_before_an_erasure_opens_nothing_after_it(store, clock):
    book = new_book(store, clock, OLD_TEXT)
    used, unused, old = issue(book).text, issue(book).text, old_text(clock)
    redeem(book, used)
    redeem(book, old)
    with store.transaction() as tx:
        challenge_records.erase(tx, WALLET)
    for opened in (book, new_book(store, clock, OLD_TEXT)):
        assert code(redeem, opened, used) == 'used_nonce'
        assert code(redeem, opened, old) == 'used_nonce'
        assert code(redeem, opened, unused) == 'unknown_nonce'
