/* Faces: sealed templates that their owners keep on the chain. */
#ifndef MMOMENT_FACES_H
#define MMOMENT_FACES_H

#include "calls.h"
#include "events.h"

/* Accounts: face, its owner (signs), payer (signs), system program. Data: number, size, SHA-256. */
static u64 open_face(void) {
    struct account *made = account(0), *owner = account(1), *payer = account(2);
    REQUIRE(WORK->input.count == 4, WRONG_ACCOUNTS);
    REQUIRE(owner->signer, MISSING_SIGNATURE);
    const u8 *at = take(1 + 4 + KEY_BYTES);
    REQUIRE(at && is_read_to_end(), WRONG_DATA);
    u32 size = half_word(at + 1);
    REQUIRE(size && size <= FACE_AT_MOST_BYTES, WRONG_DATA);
    struct slice seeds[4] = {{"face", 4}, {owner->key, KEY_BYTES}, {at, 1}, {0, 0}};
    TRY(make(made, payer, sizeof(struct face) + size, seeds, 4));
    struct face *face = (struct face *)made->data;
    face->tag = FACE_TAG;
    face->layout = LAYOUT;
    face->bump = WORK->bump;
    face->number = *at;
    face->size = size;
    copy_key(face->owner, owner->key);
    copy_key(face->payer, payer->key);
    copy_key(face->digest, at + 5);
    return OK;
}

/* Accounts: face, its owner (signs). Data: where, bytes. */
static u64 write_face(void) {
    struct face *face;
    REQUIRE(WORK->input.count == 2, WRONG_ACCOUNTS);
    TRY(face_of(account(0), account(1), &face));
    REQUIRE(!face->sealed, ALREADY_DONE);
    u64 length = 0;
    const u8 *where = take(4);
    REQUIRE(where, WRONG_DATA);
    const u8 *bytes = take_counted(1, FACE_AT_MOST_BYTES, &length);
    REQUIRE(bytes && length && is_read_to_end(), WRONG_DATA);
    u64 begin = half_word(where);
    REQUIRE(begin + length <= face->size, WRONG_DATA);
    REQUIRE(account(0)->length >= sizeof(struct face) + face->size, WRONG_OWNER);
    sol_memcpy_(face->content + begin, bytes, length);
    return OK;
}

/* Accounts: face, its owner (signs). From then on it is as its digest says, for good. */
static u64 seal_face(void) {
    struct face *face;
    REQUIRE(WORK->input.count == 2, WRONG_ACCOUNTS);
    REQUIRE(is_read_to_end(), WRONG_DATA);
    TRY(face_of(account(0), account(1), &face));
    REQUIRE(!face->sealed, ALREADY_DONE);
    REQUIRE(account(0)->length >= sizeof(struct face) + face->size, WRONG_OWNER);
    struct slice content = {face->content, face->size};
    sol_sha256(&content, 1, WORK->digest);
    REQUIRE(is_same(WORK->digest, face->digest), WRONG_DIGEST);
    face->sealed = 1;
    face->sealed_s = now_s();
    begin_event(FACE_SEALED);
    put(account(0)->key, KEY_BYTES);
    put(face->owner, KEY_BYTES);
    put(face->digest, KEY_BYTES);
    return end_event();
}

/* Accounts: face, its owner (signs), who paid for it. */
static u64 close_face(void) {
    struct face *face;
    REQUIRE(WORK->input.count == 3, WRONG_ACCOUNTS);
    REQUIRE(is_read_to_end(), WRONG_DATA);
    TRY(face_of(account(0), account(1), &face));
    begin_event(FACE_CLOSED);
    put(account(0)->key, KEY_BYTES);
    put(face->owner, KEY_BYTES);
    end_event();
    return close_to(account(0), account(2), face->payer);
}

#endif
