import pytest
from livepeer_world import calling, client

from mmoment_stream.livepeer_multistream import pass_on, read_places
from mmoment_stream.push_target import PushError
from tests.standins.livepeer_studio import LivepeerStudio

HERE, THERE = 'rtmps://one.test/app/secret-1', 'srt://two.test:9000?streamid=secret-2'


@pytest.fixture
def studio():
    with LivepeerStudio() as made:
        yield made


def test_reads_a_place_a_line():
    text = f'# mine\n\none {HERE}\n  two\t{THERE}\n'
    assert read_places(text) == {'one': HERE, 'two': THERE}
    assert read_places('') == {}


@pytest.mark.parametrize(
    'text',
    [
        HERE,
        f'one {HERE} more',
        f'one {HERE}\none {THERE}',
        'one https://secret-1.test',
        f'a/b {HERE}',
        '\n'.join(f'place{number} {HERE}' for number in range(11)),
    ],
)
def test_says_which_line_is_wrong_and_not_what_it_holds(text):
    with pytest.raises(PushError) as caught:
        read_places(text)
    assert caught.value.code == 'no_key'
    assert 'secret' not in caught.value.text
    assert 'test' not in caught.value.text


def test_the_stream_is_passed_on_to_what_the_file_names_and_to_what_others_added(studio):
    def addresses():
        return {target['name']: target['url'] for target in studio.account.targets.values()}

    async def work(client):
        stream = await client.create_stream('gym')
        other = await client.create_multistream_target('other', HERE)
        await client.change_stream(stream.id, multistream=[('source', other.id)])

        async def passed_on(places):
            now = await client.stream(stream.id)
            await pass_on(client, now, 'gym', places)
            names = {target['id']: target['name'] for target in studio.account.targets.values()}
            now = await client.stream(stream.id)
            return [names[target] for _, target in now.multistream], addresses()

        first = await passed_on({'one': HERE, 'two': THERE})
        changed = await passed_on({'one': THERE, 'two': THERE})
        patched = studio.asked('PATCH', '/stream/.*')
        fewer = await passed_on({'two': THERE})
        none = await passed_on({})
        return first, changed, patched, fewer, none

    first, changed, patched, fewer, none = calling(client(studio), work)
    assert first[0] == ['other', 'gym one', 'gym two']
    assert first[1] == {'other': HERE, 'gym one': HERE, 'gym two': THERE}
    assert changed[0] == first[0]
    assert changed[1]['gym one'] == THERE
    # The stream itself had nothing to learn from the new address.
    assert patched == 2
    assert fewer == (['other', 'gym two'], {'other': HERE, 'gym two': THERE})
    assert none == (['other'], {'other': HERE})
