from mmoment_chain.program_refusals import SENTENCES, Refusal, refusal_of


def test_each_number_has_one_meaning_and_a_sentence():
    assert set(SENTENCES) == set(Refusal)
    for refusal, sentence in SENTENCES.items():
        assert refusal_of(int(refusal)) is refusal
        assert sentence[0].isupper()
        assert not sentence.endswith('.')
    assert len(set(SENTENCES.values())) == len(SENTENCES)


def test_numbers_of_others_have_none():
    for code in (0, 1, 37, 5999, 6000 + len(Refusal), 1 << 32):
        assert refusal_of(code) is None


def test_published_numbers_stay():
    assert Refusal.WRONG_ACCOUNTS == 6000
    assert Refusal.ALREADY_DONE == 6009
    assert Refusal.OUT_OF_ORDER == 6010
    assert Refusal.UNKNOWN_TIME == 6019
