import sqlite3

import pytest
from fake_clock import START_MS
from store_world import OTHER_WALLET, WALLET, opened, traces

from mmoment_chain import template_records
from mmoment_chain.template_records import TemplateRecord


@pytest.fixture
def tx(tmp_path):
    with opened(tmp_path) as store, store.transaction() as opened_transaction:
        yield opened_transaction


def template(record_id='1', wallet=WALLET, model_id='facenet', **changes):
    fields = {'custody': 'user', 'envelope': b'sealed\0\xff', 'created_ms': START_MS}
    return TemplateRecord(record_id, wallet, model_id, **fields | changes)


def test_a_wallet_has_one_template_for_each_model(tx):
    template_records.put(tx, template('1'))
    template_records.put(tx, template('2', model_id='dlib'))
    template_records.put(tx, template('3', envelope=b'newer'))
    assert template_records.get(tx, '1') is None
    assert template_records.of_wallet(tx, WALLET) == [
        template('2', model_id='dlib'),
        template('3', envelope=b'newer'),
    ]


def test_nobody_takes_the_record_of_another(tx):
    template_records.put(tx, template('1'))
    with pytest.raises(sqlite3.IntegrityError):
        template_records.put(tx, template('1', OTHER_WALLET))
    assert template_records.get(tx, '1') == template('1')


def test_a_template_sealed_anew_keeps_its_record(tx):
    template_records.put(tx, template('1'))
    assert template_records.replace_envelope(tx, '1', b'other seal')
    assert not template_records.replace_envelope(tx, '2', b'other seal')
    assert template_records.get(tx, '1') == template('1', envelope=b'other seal')


def test_templates_by_custody(tx):
    template_records.put(tx, template('1'))
    template_records.put(tx, template('2', OTHER_WALLET, custody='camera'))
    found = template_records.in_custody(tx, 'camera')
    assert found == [template('2', OTHER_WALLET, custody='camera')]


def test_a_template_shows_neither_envelope_nor_owner():
    text = repr(template())
    assert 'sealed' not in text
    assert WALLET not in text


def test_an_erased_template_leaves_the_files(tmp_path):
    with opened(tmp_path) as store:
        with store.transaction() as tx:
            template_records.put(tx, template(envelope=b'marker ' * 1000))
            template_records.put(tx, template('2', OTHER_WALLET))
        assert traces(tmp_path, 'marker marker')
        with store.transaction() as tx:
            assert template_records.erase(tx, WALLET) == 1
        store.scrub()
        assert traces(tmp_path, 'marker marker') == []
        with store.reading() as query:
            assert template_records.of_wallet(query, OTHER_WALLET)
