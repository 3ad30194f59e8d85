/* Grants: who may do what at a camera, and until when. */
#ifndef MMOMENT_GRANTS_H
#define MMOMENT_GRANTS_H

#include "calls.h"
#include "events.h"

/* Accounts: camera, grant, owner (signs), payer (signs), system program.
 * Data: subject, rights, until when (0: for good). Changes a grant that there is. */
static u64 grant_access(void) {
    struct account *made = account(1), *payer = account(3);
    struct camera *camera;
    REQUIRE(WORK->input.count == 5, WRONG_ACCOUNTS);
    TRY(camera_of(account(0), &camera));
    TRY(needs_signature(account(2), camera->owner));
    TRY(needs_payer(payer));
    const u8 *at = take(KEY_BYTES + 4 + 8);
    REQUIRE(at && is_read_to_end(), WRONG_DATA);
    u32 rights = half_word(at + KEY_BYTES);
    i64 expires_s = word(at + KEY_BYTES + 4, 0);
    REQUIRE(rights && !(rights & ~RIGHTS_KNOWN), WRONG_DATA);
    REQUIRE(expires_s == 0 || expires_s > now_s(), WRONG_TIME);
    struct grant *grant = (struct grant *)made->data;
    if (is_same(made->owner, WORK->input.program)) {
        TRY(is_ours(made, GRANT_TAG, sizeof(struct grant)));
        REQUIRE(is_same(grant->camera, account(0)->key) && is_same(grant->subject, at), WRONG_ADDRESS);
    } else {
        struct slice seeds[4] = {{"grant", 5}, {account(0)->key, KEY_BYTES}, {at, KEY_BYTES}, {0, 0}};
        TRY(make(made, payer, sizeof(struct grant), seeds, 4));
        grant->tag = GRANT_TAG;
        grant->layout = LAYOUT;
        grant->bump = WORK->bump;
        copy_key(grant->camera, account(0)->key);
        copy_key(grant->subject, at);
        copy_key(grant->payer, payer->key);
        camera->grants++;
    }
    grant->rights = rights;
    grant->granted_s = now_s();
    grant->expires_s = expires_s;
    begin_event(ACCESS_GRANTED);
    put(account(0)->key, KEY_BYTES);
    put(at, KEY_BYTES + 4 + 8);
    return end_event();
}

/* Accounts: camera, grant, owner (signs), who paid for it. */
static u64 revoke_access(void) {
    struct account *closed = account(1);
    struct camera *camera;
    REQUIRE(WORK->input.count == 4, WRONG_ACCOUNTS);
    REQUIRE(is_read_to_end(), WRONG_DATA);
    TRY(camera_of(account(0), &camera));
    TRY(needs_signature(account(2), camera->owner));
    TRY(is_ours(closed, GRANT_TAG, sizeof(struct grant)));
    struct grant *grant = (struct grant *)closed->data;
    REQUIRE(is_same(grant->camera, account(0)->key), WRONG_ADDRESS);
    camera->grants--;
    begin_event(ACCESS_REVOKED);
    put(account(0)->key, KEY_BYTES);
    put(grant->subject, KEY_BYTES);
    end_event();
    return close_to(closed, account(3), grant->payer);
}

/* Whether somebody may check in where only who has a grant may, whatever rights it holds.
 *
 * In private mode each visit has another subject: that the grant is of this person is the device's word, as
 * all is that is told of the subject. Judged by the chain's time: the device's could be made to fit. */
SHARED u64 is_granted(const struct account *given, const struct camera *camera, const u8 *subject) {
    REQUIRE(is_given(given), NO_GRANT);
    REQUIRE(is_same(given->owner, WORK->input.program), NO_GRANT);
    REQUIRE(given->length >= sizeof(struct grant), NO_GRANT);
    const struct grant *grant = (const struct grant *)given->data;
    REQUIRE(grant->tag == GRANT_TAG, NO_GRANT);
    REQUIRE(is_same(grant->camera, account(0)->key), NO_GRANT);
    REQUIRE(camera->mode == PRIVATE || is_same(grant->subject, subject), NO_GRANT);
    REQUIRE(!grant->expires_s || grant->expires_s > now_s(), GRANT_EXPIRED);
    return OK;
}

#endif
