/* Sessions: who is checked in. */
#ifndef MMOMENT_SESSIONS_H
#define MMOMENT_SESSIONS_H

#include "grants.h"

/* In public mode the person signs, and is named by their own key; in private mode nobody is named. */
SHARED u64 is_subject(const struct camera *camera, const struct account *person, const u8 *subject) {
    if (camera->mode == PUBLIC) return needs_signature(person, subject);
    REQUIRE(!is_given(person), WRONG_ACCOUNTS);
    return OK;
}

SHARED u64 make_session(const u8 *subject, struct camera *camera) {
    struct account *made = account(1), *payer = account(3);
    struct slice seeds[4] = {{"session", 7}, {account(0)->key, KEY_BYTES}, {subject, KEY_BYTES}, {0, 0}};
    TRY(make(made, payer, sizeof(struct session), seeds, 4));
    struct session *session = (struct session *)made->data;
    session->tag = SESSION_TAG;
    session->layout = LAYOUT;
    session->bump = WORK->bump;
    copy_key(session->camera, account(0)->key);
    copy_key(session->subject, subject);
    copy_key(session->payer, payer->key);
    camera->sessions++;
    return OK;
}

/* The session of this subject, as it is or made now, if this visit is the next.
 *
 * First of all is told what is done already: whoever asks again must not hear of something else. */
SHARED u64 session_for(const u8 *subject, u64 visit, struct camera *camera, struct session **session) {
    if (!is_same(account(1)->owner, WORK->input.program)) TRY(make_session(subject, camera));
    TRY(session_of(account(1), account(0), session));
    REQUIRE(is_same((*session)->subject, subject), WRONG_ADDRESS);
    REQUIRE(visit > (*session)->visit, ALREADY_DONE);
    REQUIRE(!(*session)->present, STILL_PRESENT);
    REQUIRE(visit == (*session)->visit + 1, OUT_OF_ORDER);
    return OK;
}

/* Accounts: camera, session, device (signs), payer (signs), system program, person or none, grant or none.
 * Data: subject, number of the visit, when, until when. */
static u64 check_in(void) {
    struct camera *camera;
    struct session *session;
    REQUIRE(WORK->input.count == 7, WRONG_ACCOUNTS);
    TRY(camera_of(account(0), &camera));
    TRY(needs_signature(account(2), camera->device));
    TRY(needs_payer(account(3)));
    const u8 *at = take(KEY_BYTES + 3 * 8);
    REQUIRE(at && is_read_to_end(), WRONG_DATA);
    const u8 *subject = at;
    u64 visit = word(at, 4);
    i64 when_s = word(at, 5), expires_s = word(at, 6);
    REQUIRE(!is_zero(subject) && visit, WRONG_DATA);
    TRY(is_subject(camera, account(5), subject));
    TRY(session_for(subject, visit, camera, &session));
    REQUIRE(camera->active, INACTIVE);
    TRY(is_plausible(when_s));
    REQUIRE(expires_s > when_s, WRONG_TIME);
    if (camera->closed_list) TRY(is_granted(account(6), camera, subject));
    else REQUIRE(!is_given(account(6)), WRONG_ACCOUNTS);
    session->present = 1;
    session->visit = visit;
    session->checked_in_s = when_s;
    session->checked_out_s = 0;
    session->expires_s = expires_s;
    session->recorded_s = now_s();
    session->reason = 0;
    camera->present++;
    camera->visits++;
    begin_event(CHECKED_IN);
    put(account(0)->key, KEY_BYTES);
    put(at, KEY_BYTES + 3 * 8);
    return end_event();
}

/* Accounts: camera, session, and the device or, in public mode, the person (signs).
 * Data: number of the visit, when, why. */
static u64 check_out(void) {
    struct account *signer = account(2);
    struct camera *camera;
    struct session *session;
    REQUIRE(WORK->input.count == 3, WRONG_ACCOUNTS);
    TRY(camera_of(account(0), &camera));
    TRY(session_of(account(1), account(0), &session));
    REQUIRE(signer->signer, MISSING_SIGNATURE);
    int is_person = camera->mode == PUBLIC && is_same(signer->key, session->subject);
    REQUIRE(is_person || is_same(signer->key, camera->device), WRONG_AUTHORITY);
    const u8 *at = take(8 + 8 + 1);
    REQUIRE(at && is_read_to_end(), WRONG_DATA);
    u64 visit = word(at, 0);
    i64 when_s = word(at, 1);
    REQUIRE(visit <= session->visit, OUT_OF_ORDER);
    REQUIRE(visit == session->visit && session->present, ALREADY_DONE);
    TRY(is_plausible(when_s));
    REQUIRE(when_s >= session->checked_in_s, WRONG_TIME);
    session->present = 0;
    session->checked_out_s = when_s;
    session->recorded_s = now_s();
    session->reason = at[16];
    camera->present--;
    begin_event(CHECKED_OUT);
    put(account(0)->key, KEY_BYTES);
    put(session->subject, KEY_BYTES);
    put(at, 8 + 8 + 1);
    return end_event();
}

/* Accounts: camera, session, device, owner or, in public mode, person (signs), who paid for it. */
static u64 close_session(void) {
    struct account *signer = account(2);
    struct camera *camera;
    struct session *session;
    REQUIRE(WORK->input.count == 4, WRONG_ACCOUNTS);
    REQUIRE(is_read_to_end(), WRONG_DATA);
    TRY(camera_of(account(0), &camera));
    TRY(session_of(account(1), account(0), &session));
    REQUIRE(signer->signer, MISSING_SIGNATURE);
    int is_person = camera->mode == PUBLIC && is_same(signer->key, session->subject);
    int is_operator = is_same(signer->key, camera->device) || is_same(signer->key, camera->owner);
    REQUIRE(is_person || is_operator, WRONG_AUTHORITY);
    REQUIRE(!session->present, STILL_PRESENT);
    camera->sessions--;
    return close_to(account(1), account(3), session->payer);
}

#endif
