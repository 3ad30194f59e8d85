"""A session_node that checks nothing but what a test is about."""

from dataclasses import replace

from mmoment_api.errors import part_not_running
from mmoment_api.session_control import (
    Challenge,
    ErasedPerson,
    OpenedSession,
    SealedTemplate,
    SessionRecord,
    WithdrawnConsent,
    refused_by_session,
    token_refused,
)


class FakeSessionControl:
    """A session_node that lets everybody in who signs 'signed', unless it is said to be away."""

    def __init__(self):
        self.is_away = False
        self.refusal = None
        self.asked = []
        self.opened = {}
        self.kept = {}
        self.withdrawn = WithdrawnConsent(1, 2, True)
        self.withheld = ()
        self.erased = ErasedPerson(3, True, True, False)
        self.utc_ms = 1_700_000_000_000

    def open(self, wallet, rights=('view', 'enroll', 'recognize'), **changes):
        """A session, as if its person had checked in."""
        number = len(self.opened) + 1
        token = f'{number:02d}' + 41 * 't'
        record = SessionRecord(
            session_id=f's{number}',
            identity=wallet,
            rights=frozenset(rights),
            source='siws',
            created_ms=self.utc_ms,
            expires_ms=self.utc_ms + 3_600_000,
            last_seen_ms=self.utc_ms,
        )
        self.opened[token] = replace(record, **changes)
        return OpenedSession(token, self.opened[token])

    def _ask(self, *question):
        self.asked.append(question)
        if self.is_away:
            raise part_not_running('session_node')
        if self.refusal:
            raise self.refusal

    def asked_for(self, name):
        return [question for question in self.asked if question[0] == name]

    def _record(self, token):
        if token not in self.opened:
            raise token_refused('bad_token', 'This token opens no session')
        return self.opened[token]

    async def create_challenge(self, wallet, domain, source, with_memo):
        self._ask('create_challenge', wallet, domain, source, with_memo)
        text = f'{domain} wants {wallet} to sign'
        memo = 'bWVtbw==' if with_memo else ''
        return Challenge(text, 'nonce', memo, self.utc_ms, self.utc_ms + 300_000)

    async def check_in(self, wish):
        self._ask('check_in', wish)
        if 'signed' not in (wish.signature, wish.memo_transaction):
            raise refused_by_session('bad_signature', 'Not that of this wallet')
        opened = self.open(wish.wallet, display_name=wish.display_name)
        self.opened.pop(wish.replaces, None)
        return replace(opened, withheld=self.withheld)

    async def check_out(self, token):
        self._ask('check_out', token)
        self._record(token)
        del self.opened[token]

    async def get_session(self, token, right, is_action):
        self._ask('get_session', token, right, is_action)
        record = self._record(token)
        if right and right not in record.rights and 'admin' not in record.rights:
            raise token_refused('missing_right', 'Not yours')
        return record

    async def note_presence(self, session_id):
        self._ask('note_presence', session_id)

    async def renew_session(self, token):
        self._ask('renew_session', token)
        record = self._record(token)
        del self.opened[token]
        new_token = 'n' + token[:-1]
        self.opened[new_token] = record
        return OpenedSession(new_token, record)

    async def list_sessions(self):
        self._ask('list_sessions')
        return list(self.opened.values())

    async def revoke_sessions(self, session_id, identity):
        self._ask('revoke_sessions', session_id, identity)
        ended = [
            token
            for token, record in self.opened.items()
            if record.session_id == session_id or record.identity == identity
        ]
        for token in ended:
            del self.opened[token]
        return len(ended)

    async def grant_rights(self, wallet, rights, hours, revoke):
        self._ask('grant_rights', wallet, rights, hours, revoke)

    async def give_consent(self, token, consent_version):
        self._ask('give_consent', token, consent_version)
        self._record(token)

    async def keep_template(self, token, template, consent_version):
        self._ask('keep_template', token, template, consent_version)
        wallet = self._record(token).identity
        self.kept[wallet] = SealedTemplate(
            template.record_id,
            template.model_id,
            template.custody,
            template.envelope,
            b'k' * 32,
            'camera',
        )
        return template.record_id

    async def get_template(self, wallet):
        self._ask('get_template', wallet)
        if wallet not in self.kept:
            raise refused_by_session('no_template', 'None is kept')
        return self.kept[wallet]

    async def forget_template(self, token, wallet):
        self._ask('forget_template', token, wallet)
        gone = self._record(token).identity if token else wallet
        self.kept.pop(gone, None)
        return self.withdrawn

    async def forget_person(self, token, wallet, confirm_media):
        self._ask('forget_person', token, wallet, confirm_media)
        gone = self._record(token).identity if token else wallet
        self.opened = {key: item for key, item in self.opened.items() if item.identity != gone}
        return self.erased
