import json

import pytest
from livepeer_world import NAME, calling, world

from mmoment_stream.livepeer_keeper import StreamKeeper
from mmoment_stream.livepeer_models import LivepeerOptions, Profile
from mmoment_stream.push_target import PushError


class Clock:
    def __init__(self):
        self.now_s = 1_000_000.0

    def __call__(self):
        return self.now_s


class Keeping:
    """A camera that asks for its stream, each time as after a restart."""

    def __init__(self, world):
        self.world, self.clock, self.options = world, Clock(), {}
        self.memory, self.name, self.chosen_id = world.memory, NAME, ''

    def keeper(self, client):
        options = LivepeerOptions(base_url=self.world.studio.base_url, **self.options)
        return StreamKeeper(
            client,
            self.name,
            chosen_id=self.chosen_id,
            memory=self.memory,
            options=options,
            wall_clock=self.clock,
        )

    def stream(self, times=1):
        async def ask(client):
            keeper = self.keeper(client)
            for _ in range(times):
                found = await keeper.stream()
            return found

        return calling(self.world.client(call_s=1.0), ask)

    def refusal(self):
        with pytest.raises(PushError) as caught:
            self.stream()
        return caught.value

    @property
    def made(self):
        return self.world.studio.asked('POST', '/stream')


@pytest.fixture
def keeping(tmp_path):
    with world(tmp_path) as made:
        yield Keeping(made)


def test_makes_one_stream_and_finds_it_after_a_restart(keeping):
    first = keeping.stream()
    assert (first.name, first.record, first.profiles) == (NAME, False, ())
    asked = len(keeping.world.studio.calls)
    assert keeping.stream() == first
    # By its id, without a search.
    assert len(keeping.world.studio.calls) == asked + 1
    assert keeping.memory.stat().st_mode & 0o777 == 0o600
    assert first.stream_key not in keeping.memory.read_text()


def test_finds_it_by_name_where_the_file_is_lost_or_no_use(keeping):
    first = keeping.stream()
    kept = json.loads(keeping.memory.read_text())
    spoilt = [{**kept, 'stream_id': '../x'}, {**kept, 'base_url': 'other'}, {**kept, 'name': 'b'}]
    for text in ('', '[]', '{}', '[' * 5000, *map(json.dumps, spoilt)):
        keeping.memory.write_text(text)
        assert keeping.stream().id == first.id
    keeping.memory.unlink()
    assert keeping.stream().id == first.id
    assert keeping.made == 1


def test_a_stream_that_was_renamed_there_stays_ours(keeping):
    first = keeping.stream()
    keeping.world.account.streams[first.id]['name'] = 'Friday night'
    assert keeping.stream().id == first.id


def test_makes_another_when_it_was_deleted(keeping):
    first = keeping.stream()
    keeping.world.account.streams[first.id]['deleted'] = True
    keeping.clock.now_s += 60
    assert keeping.stream().id != first.id
    assert len(keeping.world.streams) == 1


def test_of_two_with_the_name_all_take_the_older(keeping):
    first = keeping.stream()
    keeping.memory = None
    second = calling(keeping.world.client(), lambda client: client.create_stream(NAME))
    keeping.world.account.streams[second.id]['createdAt'] += 1
    assert keeping.stream().id == first.id


@pytest.mark.parametrize(
    'fault',
    [
        {'closes': True},
        {'status': 500},
        {'status': 504},
        {'status': 201, 'body': b'{"id": '},
        {'hangs_s': 2.0},
    ],
)
def test_an_answer_that_was_lost_makes_no_second_stream(keeping, fault):
    keeping.world.studio.fail(method='POST', path='/stream', is_done=True, **fault)
    assert keeping.refusal().code in ('provider_away', 'provider_fault')
    keeping.stream()
    assert len(keeping.world.streams) == 1
    assert keeping.made == 1


def test_while_it_may_still_be_made_it_is_only_looked_for(keeping):
    studio = keeping.world.studio
    # It has no effect yet, as far as anybody can see.
    studio.fail(method='POST', path='/stream', status=504)
    keeping.refusal()
    error = keeping.refusal()
    assert (error.code, error.is_configuration) == ('provider_busy', False)
    assert 0 < error.retry_after_s <= 1
    assert keeping.made == 1
    calling(keeping.world.client(), lambda client: client.create_stream(NAME))
    assert keeping.stream().name == NAME
    assert len(keeping.world.streams) == 1


@pytest.mark.parametrize('later_s', [30.5, -5.0])
def test_what_was_not_made_in_time_is_asked_for_again(keeping, later_s):
    keeping.world.studio.fail(method='POST', path='/stream', status=504)
    keeping.refusal()
    keeping.clock.now_s += later_s
    assert keeping.stream().name == NAME


@pytest.mark.parametrize('status', [400, 401, 403, 422, 429])
def test_after_a_plain_no_it_may_be_asked_for_at_once(keeping, status):
    headers = {'Retry-After': '0'}
    keeping.world.studio.fail(method='POST', path='/stream', status=status, headers=headers)
    keeping.refusal()
    assert keeping.stream().name == NAME


def test_a_list_that_lags_makes_no_second_stream(tmp_path):
    with world(tmp_path, list_lag_s=0.3) as made:
        keeping = Keeping(made)
        first = keeping.stream()
        # Neither found by id nor by name yet.
        assert keeping.refusal().code == 'provider_busy'
        made.account.streams[first.id]['createdAt'] -= 1000
        assert keeping.stream().id == first.id
        assert keeping.made == 1


def test_a_stream_that_somebody_chose_is_used_as_it_is(keeping):
    chosen = calling(
        keeping.world.client(), lambda client: client.create_stream('mine', record=True)
    )
    keeping.chosen_id = chosen.id
    assert keeping.stream() == chosen
    assert keeping.world.studio.asked('PATCH', '.*') == 0
    keeping.world.account.streams[chosen.id]['deleted'] = True
    assert keeping.refusal().code == 'provider_no_stream'
    assert keeping.made == 1
    assert not keeping.memory.exists()


def test_recording_and_profiles_follow_the_configuration(keeping):
    first = keeping.stream()
    known = keeping.world.account.streams[first.id]
    small = Profile('small', 640, 360, 800_000)
    keeping.options = {'record': True, 'profiles': (small,)}
    known.update(isActive=True, publishers={'1'})
    # It cannot be changed now; that is no reason not to push.
    assert keeping.stream().id == first.id
    assert known['record'] is False
    known.update(isActive=False, publishers=set())
    keeping.stream(times=3)
    assert (known['record'], len(known['profiles'])) == (True, 1)
    assert keeping.world.studio.asked('PATCH', '.*') == 2
    keeping.options = {'record': True, 'profiles': None}
    keeping.stream()
    assert keeping.world.studio.asked('PATCH', '.*') == 2


def test_a_disk_that_takes_nothing_is_no_reason_not_to_stream(keeping, tmp_path):
    keeping.memory = tmp_path / 'no such folder' / 'memory.json'
    assert keeping.stream(times=2).name == NAME
    assert keeping.made == 1
