"""When a provider is asked how the stream is doing, and that nobody waits for its answer."""

import dataclasses
import threading
import time

import pytest
from push_world import INGEST, FakeProvider, healthy, until

from mmoment_stream.provider_watch import ProviderNews, ProviderWatch
from mmoment_stream.push_target import Cancelled, Playback, PushError

NEVER = threading.Event()
PLAYBACK = Playback('abc', 'https://play.test/abc')


@pytest.fixture
def watching():
    watches = []

    def watch(provider, every_s=0.02, **more):
        watches.append(ProviderWatch(provider, every_s=every_s, **more))
        watches[-1].start('watch')
        return watches[-1]

    yield watch
    for each in watches:
        each.close()
    assert not [thread for thread in threading.enumerate() if thread.name == 'watch']


def test_it_asks_again_and_again_while_live_and_only_then(watching):
    state = dataclasses.replace(healthy(), playback=PLAYBACK)
    provider = FakeProvider(state=state)
    watch = watching(provider)
    time.sleep(0.05)
    assert (provider.asked_health, watch.news) == (0, ProviderNews())
    watch.live()
    until(lambda: provider.asked_health > 3)
    assert watch.news == ProviderNews(state, playback=PLAYBACK)
    watch.lost()
    time.sleep(0.05)
    asked = provider.asked_health
    time.sleep(0.1)
    assert provider.asked_health == asked
    # How it does is said of a connection, where to watch of the stream.
    assert watch.news == ProviderNews(playback=PLAYBACK)


def test_only_news_is_told(watching):
    told = []
    provider = FakeProvider(state=healthy())
    watch = watching(provider, on_change=lambda: told.append(watch.news))
    watch.live()
    until(lambda: provider.asked_health > 4)
    assert len(told) == 1
    provider.state = healthy(issues=('no audio',))
    until(lambda: len(told) == 2)
    assert told[1].health.issues == ('no audio',)


def test_an_error_is_told_beside_what_is_known_and_cleared_by_an_answer(watching):
    provider = FakeProvider(state=healthy())
    watch = watching(provider)
    watch.live()
    until(lambda: watch.news.health)
    provider.state = PushError('provider_away', 'no route')
    until(lambda: watch.news.error)
    assert watch.news == ProviderNews(healthy(), provider.state.text)
    provider.state = healthy(9.0)
    until(lambda: watch.news == ProviderNews(healthy(9.0)))


def test_an_answer_that_comes_after_the_loss_says_nothing_of_the_next_connection(watching):
    class Slow(FakeProvider):
        def health(self, cancelled):
            self.asked_health += 1
            assert cancelled.wait(10)
            return healthy()

    provider = Slow()
    watch = watching(provider)
    watch.live()
    until(lambda: provider.asked_health == 1)
    watch.lost()
    time.sleep(0.05)
    assert watch.news == ProviderNews()


def test_a_system_without_threads_is_no_end_of_asking(watching):
    provider = FakeProvider(state=RuntimeError("can't start new thread"))
    watch = watching(provider)
    watch.live()
    until(lambda: watch.news.error)
    provider.state = healthy()
    until(lambda: watch.news == ProviderNews(healthy()))


def test_a_pause_that_is_asked_for_is_kept(watching):
    provider = FakeProvider(state=PushError('provider_busy', retry_after_s=3600))
    watch = watching(provider)
    watch.live()
    until(lambda: watch.news.error)
    time.sleep(0.1)
    assert provider.asked_health == 1


def test_a_refresh_asks_at_once_in_every_state(watching):
    provider = FakeProvider(state=healthy())
    watch = watching(provider, every_s=3600)
    watch.refresh()
    until(lambda: watch.news.health)
    watch.live()
    watch.refresh()
    until(lambda: provider.asked_health == 2)
    time.sleep(0.05)
    assert provider.asked_health == 2


def test_where_to_push_is_not_kept_waiting_by_a_question_about_health(watching):
    provider = FakeProvider(state='block')
    watch = watching(provider)
    watch.live()
    until(lambda: provider.asked_health == 1)
    began_s = time.monotonic()
    assert watch.ingest(NEVER) == INGEST
    assert time.monotonic() - began_s < 5


def test_where_to_push_can_be_given_up(watching):
    stopped = threading.Event()
    threading.Timer(0.05, stopped.set).start()
    with pytest.raises(Cancelled):
        watching(FakeProvider('block')).ingest(stopped)


def test_the_end_cuts_a_question_short_and_lets_go_of_the_provider(watching):
    provider = FakeProvider(state='block')
    watch = watching(provider)
    watch.refresh()
    until(lambda: provider.asked_health == 1)
    watch.close()
    assert provider.is_closed
    assert not [thread for thread in threading.enumerate() if thread.name == 'watch']
