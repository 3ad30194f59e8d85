/* What must be so before anything is changed: whose an account is, of which kind, and who signed. */
#ifndef MMOMENT_CHECKS_H
#define MMOMENT_CHECKS_H

#include "accounts.h"
#include "work.h"

/* How far the clock of a device may be ahead of the chain; an outbox may bring records of long ago. */
#define AHEAD_AT_MOST_S 600

INLINE struct account *account(u64 number) { return &WORK->input.accounts[number]; }

/* An account that is not needed is given as the program itself. */
INLINE int is_given(const struct account *account) {
    return !is_same(account->key, WORK->input.program);
}

INLINE i64 now_s(void) { return WORK->clock.unix_s; }

SHARED u64 needs_signature(const struct account *account, const u8 *key) {
    REQUIRE(account->signer, MISSING_SIGNATURE);
    REQUIRE(is_same(account->key, key), WRONG_AUTHORITY);
    return OK;
}

/* An account of this kind, to be changed. Where owner and tag are right, so is the address: see `make`. */
SHARED u64 is_ours(const struct account *account, u64 tag, u64 least_bytes) {
    REQUIRE(is_same(account->owner, WORK->input.program), WRONG_OWNER);
    REQUIRE(account->length >= least_bytes, WRONG_OWNER);
    REQUIRE(word(account->data, 0) == tag, WRONG_OWNER);
    REQUIRE(account->writable, NOT_WRITABLE);
    return OK;
}

/* Whoever pays for what is made here, perhaps; the system program is the account behind. */
SHARED u64 needs_payer(const struct account *payer) {
    REQUIRE(payer->signer, MISSING_SIGNATURE);
    REQUIRE(payer->writable, NOT_WRITABLE);
    REQUIRE(is_same(payer[1].key, SYSTEM_PROGRAM), WRONG_ACCOUNTS);
    return OK;
}

SHARED u64 camera_of(const struct account *account, struct camera **camera) {
    TRY(is_ours(account, CAMERA_TAG, sizeof(struct camera)));
    *camera = (struct camera *)account->data;
    return OK;
}

SHARED u64 session_of(const struct account *account, const struct account *camera, struct session **session) {
    TRY(is_ours(account, SESSION_TAG, sizeof(struct session)));
    *session = (struct session *)account->data;
    REQUIRE(is_same((*session)->camera, camera->key), WRONG_ADDRESS);
    return OK;
}

SHARED u64 face_of(const struct account *account, const struct account *owner, struct face **face) {
    TRY(is_ours(account, FACE_TAG, sizeof(struct face)));
    *face = (struct face *)account->data;
    return needs_signature(owner, (*face)->owner);
}

SHARED u64 is_plausible(i64 device_s) {
    REQUIRE(device_s > 0 && device_s <= now_s() + AHEAD_AT_MOST_S, WRONG_TIME);
    return OK;
}

#endif
