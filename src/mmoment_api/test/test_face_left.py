import asyncio

import pytest
from fake_chain import MINT, STATUS, wire
from people import ANN, BEN

from mmoment_api import face_left
from mmoment_api.chain_control import BuiltTransaction, NftVerdict, TransactionWish

WAYS = [('DELETE', '/api/face'), ('POST', '/api/person/forget')]


@pytest.mark.parametrize('way', WAYS)
def test_a_face_that_is_still_on_the_chain_is_named(services, owner, way):
    services.state.chain.hear(STATUS)
    answer = owner(*way, json={'wallet_address': ANN}).json()
    assert (answer['success'], answer['chain_mint']) == (True, MINT)
    assert answer['message'].startswith('Forgotten. ')
    assert MINT in answer['message']
    assert 'burn' in answer['message']
    assert services.chain.asked == [('verify', ANN, 'face', True)]


@pytest.mark.parametrize('way', WAYS)
def test_nothing_is_said_of_a_chain_that_has_none(services, owner, way):
    services.state.chain.hear(STATUS)
    services.chain.verdict = NftVerdict(False, 'none')
    answer = owner(*way, json={'wallet_address': ANN}).json()
    assert (answer['chain_mint'], answer['message']) == (None, 'Forgotten')


@pytest.mark.parametrize('way', WAYS)
def test_a_chain_that_does_not_answer_holds_up_nobody(services, owner, monkeypatch, way):
    # Without a part for the chain, it is not asked at all.
    assert owner(*way, json={'wallet_address': ANN}).json()['message'] == 'Forgotten'
    assert services.chain.asked == []
    services.state.chain.hear(STATUS)
    services.chain.is_away = True
    answer = owner(*way, json={'wallet_address': ANN}).json()
    assert (answer['success'], answer['chain_mint']) == (True, None)
    assert answer['message'] == f'Forgotten. {face_left.NOT_ASKED}'

    async def never(*_):
        await asyncio.sleep(60)

    services.chain.verify = never
    monkeypatch.setattr(face_left, 'WAIT_S', 0.01)
    answer = owner(*way, json={'wallet_address': ANN})
    assert answer.json()['message'] == f'Forgotten. {face_left.NOT_ASKED}'


@pytest.mark.parametrize('way', WAYS)
def test_the_chain_is_asked_before_so_that_nobody_remembers_who_is_forgotten(
    services, owner, monkeypatch, way
):
    services.state.chain.hear(STATUS)
    asked_before = []
    control = services.sessions.control
    for name in ('forget_template', 'forget_person'):
        forget = getattr(control, name)

        async def noted(*given, forget=forget):
            asked_before.append(list(services.chain.asked))
            return await forget(*given)

        monkeypatch.setattr(control, name, noted)
    assert owner(*way, json={'wallet_address': ANN}).json()['chain_mint'] == MINT
    assert asked_before == [[('verify', ANN, 'face', True)]]
    assert services.chain.asked == asked_before[0]


@pytest.mark.parametrize('way', WAYS)
def test_what_was_built_for_whom_is_forgotten_is_not_known_any_more(services, owner, way):
    for wallet in (ANN, BEN):
        wish = TransactionWish('mint_face', wallet, 's1')
        services.built.note(wish, BuiltTransaction('b1', wire(wallet.encode())))
    assert owner(*way, json={'wallet_address': ANN}).status_code == 200
    assert services.built.find(wire(ANN.encode()), ANN) is None
    assert services.built.find(wire(BEN.encode()), BEN) is not None
