/* The camera registry: cameras, who is checked in, who may, a hash-chained log, and face templates.
 *
 * Every instruction has a fixed list of accounts, told in `instructions` of the interface description. An
 * account that an instruction does not need this time is given as the program itself. Accounts of ours are
 * known by owner and tag: only `make` gives an account to this program with a tag in it, and only at the
 * address that belongs to its fields.
 *
 * Whoever reads this for holes: begin with `camera_of`, `make` and `close_to`.
 */
#include "accounts.h"

enum instruction {
    REGISTER_CAMERA = 0x3e568266cf90a1a9ULL,
    UPDATE_CAMERA = 0x0765b9065a9156f0ULL,
    SET_ACTIVE = 0x21ced82684e1101dULL,
    ROTATE_DEVICE = 0xbf737fff6a5c342bULL,
    CLOSE_CAMERA = 0xe1706bffc0f730caULL,
    GRANT = 0x6b4ce7a19944bd91ULL,
    REVOKE = 0xf25dad85221f17aaULL,
    CHECK_IN = 0x32cff1fad904fdd1ULL,
    CHECK_OUT = 0xbac91ed562c3453bULL,
    CLOSE_SESSION = 0xd3f826de8cb27244ULL,
    APPEND_LOG = 0xcf59056a706b7859ULL,
    OPEN_FACE = 0xf28bd77650aca2aaULL,
    WRITE_FACE = 0x94a5062084d13024ULL,
    SEAL_FACE = 0x2f71e919a34448c5ULL,
    CLOSE_FACE = 0xa8f9973bf9da66e2ULL,
};

enum event {
    CAMERA_REGISTERED = 0x5136102bdecbf020ULL,
    CAMERA_UPDATED = 0x524f7859d0d987ceULL,
    CAMERA_CLOSED = 0x7bdd3d7a550e4a14ULL,
    DEVICE_ROTATED = 0x41af418b40ef2293ULL,
    ACCESS_GRANTED = 0xb93e1ac6c053d415ULL,
    ACCESS_REVOKED = 0x9f2ba5c92b49a0c8ULL,
    CHECKED_IN = 0x96d454c4f4c650d3ULL,
    CHECKED_OUT = 0x4a2f74f1bc2eb56bULL,
    LOG_APPENDED = 0x0e68828670e94153ULL,
    FACE_SEALED = 0x6315911a46fb3e4bULL,
    FACE_CLOSED = 0x7ffda70ae8fa1454ULL,
};

/* As Anchor's, from 6000 on. Numbers never change once published. */
enum refusal {
    OK = 0,
    WRONG_ACCOUNTS = 6000, /* not as many as the instruction takes, or one that it does not know */
    WRONG_DATA, /* too short, too long, or out of range */
    UNKNOWN_INSTRUCTION,
    MISSING_SIGNATURE,
    NOT_WRITABLE,
    WRONG_ADDRESS, /* not the address that belongs to these fields */
    WRONG_OWNER, /* not an account of this program, or not of this kind */
    WRONG_AUTHORITY, /* signed by somebody who may not */
    ALREADY_THERE,
    ALREADY_DONE, /* this very step is on the chain: nothing is to be done again */
    OUT_OF_ORDER, /* a step between is missing */
    INACTIVE, /* the camera takes no check-ins */
    NO_GRANT,
    GRANT_EXPIRED,
    STILL_PRESENT,
    STILL_IN_USE, /* accounts of the camera exist */
    WRONG_TIME, /* of the device: too far from the chain's */
    WRONG_DIGEST,
    UNKNOWN_RENT,
};

enum mode { PRIVATE = 0, PUBLIC = 1 };

#define RIGHT_CHECK_IN 1u
#define RIGHTS_KNOWN 0x7fu
/* How far the clocks of device and chain may differ; an outbox may bring records of long ago. */
#define AHEAD_AT_MOST_S 600
#define RECORD_BYTES (1 + 8 + KEY_BYTES)
#define RECORDS_AT_MOST 20

static const u8 SYSTEM_PROGRAM[KEY_BYTES] = {0};

/* All that is written while it runs; the heap is zero at the start and of this call alone. */
struct work {
    struct input input;
    struct clock clock;
    struct rent rent;
    u8 address[KEY_BYTES];
    u8 bump;
    struct info infos[2];
    u8 command[64];
    u8 record[2 * KEY_BYTES + 8 + RECORD_BYTES];
    u64 event_length;
    u8 event[1024];
};
#define WORK ((struct work *)0x300000000ULL)

#define TRY(step) do { u64 refusal_ = (step); if (refusal_) return refusal_; } while (0)
#define REQUIRE(condition, refusal) do { if (!(condition)) return (refusal); } while (0)

/* --- reading instruction data ----------------------------------------------------------------- */

SHARED const u8 *take(u64 length) {
    struct input *input = &WORK->input;
    if (length > input->length) return 0;
    const u8 *at = input->data;
    input->data += length;
    input->length -= length;
    return at;
}

/* A text or list with a 32-bit count before it; null if there is less, or more than `at_most`. */
SHARED const u8 *take_counted(u64 each, u64 at_most, u64 *count) {
    const u8 *at = take(4);
    if (!at) return 0;
    *count = half_word(at);
    if (*count > at_most) return 0;
    return take(*count * each);
}

INLINE int is_read_to_end(void) { return WORK->input.length == 0; }

/* --- accounts --------------------------------------------------------------------------------- */

INLINE struct account *account(u64 number) { return &WORK->input.accounts[number]; }

INLINE int is_given(const struct account *account) {
    return !is_same(account->key, WORK->input.program);
}

INLINE i64 now_s(void) { return WORK->clock.unix_s; }

SHARED u64 needs_signature(const struct account *account, const u8 *key) {
    REQUIRE(account->signer, MISSING_SIGNATURE);
    REQUIRE(is_same(account->key, key), WRONG_AUTHORITY);
    return OK;
}

SHARED u64 is_ours(const struct account *account, u64 tag, u64 least_bytes) {
    REQUIRE(is_same(account->owner, WORK->input.program), WRONG_OWNER);
    REQUIRE(account->length >= least_bytes, WRONG_OWNER);
    REQUIRE(word(account->data, 0) == tag, WRONG_OWNER);
    REQUIRE(account->writable, NOT_WRITABLE);
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

SHARED u64 find_address(const struct slice *seeds, u64 count) {
    struct work *work = WORK;
    REQUIRE(!sol_try_find_program_address(seeds, count, work->input.program, work->address, &work->bump),
            WRONG_ADDRESS);
    return OK;
}

SHARED u64 least_lamports(u64 bytes, u64 *lamports) {
    struct rent *rent = &WORK->rent;
    REQUIRE(!sol_get_rent_sysvar(rent), UNKNOWN_RENT);
    /* There is no floating point here. The threshold has been 2.0 always, and is to become 1.0. */
    u64 factor = 0;
    if (rent->threshold_bits == 0x4000000000000000ULL) factor = 2;
    if (rent->threshold_bits == 0x3ff0000000000000ULL) factor = 1;
    REQUIRE(factor, UNKNOWN_RENT);
    *lamports = (128 + bytes) * rent->lamports_per_byte * factor;
    return OK;
}

SHARED void describe(struct info *info, const struct account *account) {
    info->key = account->key;
    info->lamports = account->lamports;
    info->length = account->length;
    info->data = account->data;
    info->owner = account->owner;
    info->rent_epoch = account->rent_epoch;
    info->signer = account->signer;
    info->writable = account->writable;
    info->executable = account->executable;
}

/* One call of the system program; `second` may be null. */
SHARED u64 call_system(u64 length, struct account *first, struct account *second,
                       const struct slice *seeds, u64 seed_count) {
    struct work *work = WORK;
    struct meta metas[2];
    metas[0].key = first->key;
    metas[0].writable = 1;
    metas[0].signer = 1;
    describe(&work->infos[0], first);
    if (second) {
        metas[1].key = second->key;
        metas[1].writable = 1;
        metas[1].signer = 0;
        describe(&work->infos[1], second);
    }
    u64 count = second ? 2 : 1;
    struct call call = {SYSTEM_PROGRAM, metas, count, work->command, length};
    struct seeds signer = {seeds, seed_count};
    return sol_invoke_signed_c(&call, work->infos, count, &signer, seed_count ? 1 : 0);
}

INLINE void command_word(u64 at, u64 value) { set_word(WORK->command + at, 0, value); }

INLINE void begin_command(u32 number) { *(u32 *)WORK->command = number; }

/* Make `made` an account of this program, at the address of these seeds, whose last is for the bump.
 *
 * The system program is the account behind the payer. Not by its create_account, which refuses an account
 * that has lamports: anybody could send some to an address, and nobody could make anything there any more.
 */
SHARED u64 make(struct account *made, struct account *payer, u64 bytes, struct slice *seeds,
                u64 seed_count) {
    struct work *work = WORK;
    u64 least = 0;
    const struct account *system = payer + 1;
    REQUIRE(is_same(system->key, SYSTEM_PROGRAM), WRONG_ACCOUNTS);
    REQUIRE(payer->signer, MISSING_SIGNATURE);
    REQUIRE(payer->writable && made->writable, NOT_WRITABLE);
    TRY(find_address(seeds, seed_count - 1));
    REQUIRE(is_same(made->key, work->address), WRONG_ADDRESS);
    REQUIRE(!is_same(made->owner, work->input.program), ALREADY_THERE);
    REQUIRE(is_same(made->owner, SYSTEM_PROGRAM) && made->length == 0, WRONG_OWNER);
    seeds[seed_count - 1].at = &work->bump;
    seeds[seed_count - 1].length = 1;
    TRY(least_lamports(bytes, &least));
    if (*made->lamports < least) {
        begin_command(2); /* transfer */
        command_word(4, least - *made->lamports);
        TRY(call_system(12, payer, made, 0, 0));
    }
    begin_command(8); /* allocate */
    command_word(4, bytes);
    TRY(call_system(12, made, 0, seeds, seed_count));
    made->length = bytes;
    begin_command(1); /* assign */
    copy_key(work->command + 4, work->input.program);
    return call_system(36, made, 0, seeds, seed_count);
}

/* Give the account back to the system, and its rent to who paid it. */
SHARED u64 close_to(struct account *closed, struct account *payer, const u8 *paid_by) {
    REQUIRE(is_same(payer->key, paid_by), WRONG_AUTHORITY);
    REQUIRE(payer->writable, NOT_WRITABLE);
    REQUIRE(!is_same(payer->key, closed->key), WRONG_ACCOUNTS);
    *payer->lamports += *closed->lamports;
    *closed->lamports = 0;
    sol_memset_(closed->data, 0, closed->length);
    set_word(closed->data - 8, 0, 0); /* its length */
    copy_key(closed->owner, SYSTEM_PROGRAM);
    return OK;
}

SHARED u64 is_plausible(i64 device_s) {
    REQUIRE(device_s > 0 && device_s <= now_s() + AHEAD_AT_MOST_S, WRONG_TIME);
    return OK;
}

/* --- events: as Anchor writes them, in one piece of log data ---------------------------------- */

SHARED void put(const void *at, u64 length) {
    struct work *work = WORK;
    sol_memcpy_(work->event + work->event_length, at, length);
    work->event_length += length;
}

SHARED void put_word(u64 value) { put(&value, 8); }

SHARED void begin_event(u64 event) {
    WORK->event_length = 0;
    put_word(event);
}

SHARED u64 end_event(void) {
    struct slice part = {WORK->event, WORK->event_length};
    sol_log_data(&part, 1);
    return OK;
}

/* --- cameras ---------------------------------------------------------------------------------- */

/* What a person sees of a camera, the same in `register_camera` and `update_camera`. */
SHARED u64 take_description(struct camera *camera) {
    u64 length = 0;
    const u8 *at = take_counted(1, NAME_BYTES, &length);
    REQUIRE(at && length, WRONG_DATA);
    sol_memset_(camera->name, 0, NAME_BYTES);
    sol_memcpy_(camera->name, at, length);
    camera->name_length = length;
    at = take_counted(1, MODEL_BYTES, &length);
    REQUIRE(at, WRONG_DATA);
    sol_memset_(camera->model, 0, MODEL_BYTES);
    sol_memcpy_(camera->model, at, length);
    camera->model_length = length;
    at = take_counted(1, ADDRESS_BYTES, &length);
    REQUIRE(at, WRONG_DATA);
    sol_memset_(camera->address, 0, ADDRESS_BYTES);
    sol_memcpy_(camera->address, at, length);
    camera->address_length = length;
    at = take(9);
    REQUIRE(at && at[8] <= 1 && is_read_to_end(), WRONG_DATA);
    camera->features = word(at, 0);
    camera->closed_list = at[8];
    camera->changed_s = now_s();
    return OK;
}

/* Accounts: camera, device (signs), owner (signs), payer (signs), system program.
 * Data: mode, name, model, address, features, closed list. */
static u64 register_camera(void) {
    struct account *made = account(0), *device = account(1), *owner = account(2), *payer = account(3);
    REQUIRE(WORK->input.count == 5, WRONG_ACCOUNTS);
    const u8 *mode = take(1);
    REQUIRE(mode && *mode <= PUBLIC, WRONG_DATA);
    REQUIRE(device->signer && owner->signer, MISSING_SIGNATURE);
    struct slice seeds[3] = {{"camera", 6}, {device->key, KEY_BYTES}, {0, 0}};
    TRY(make(made, payer, sizeof(struct camera), seeds, 3));
    struct camera *camera = (struct camera *)made->data;
    camera->tag = CAMERA_TAG;
    camera->layout = LAYOUT;
    camera->bump = WORK->bump;
    camera->active = 1;
    camera->mode = *mode;
    copy_key(camera->id, device->key);
    copy_key(camera->owner, owner->key);
    copy_key(camera->device, device->key);
    copy_key(camera->payer, payer->key);
    camera->registered_s = now_s();
    TRY(take_description(camera));
    begin_event(CAMERA_REGISTERED);
    put(made->key, KEY_BYTES);
    put(camera->owner, KEY_BYTES);
    put(camera->device, KEY_BYTES);
    put(mode, 1);
    return end_event();
}

SHARED u64 camera_and_owner(struct camera **camera) {
    TRY(camera_of(account(0), camera));
    return needs_signature(account(1), (*camera)->owner);
}

SHARED u64 tell_updated(const struct camera *camera) {
    begin_event(CAMERA_UPDATED);
    put(account(0)->key, KEY_BYTES);
    put(&camera->active, 1);
    put(&camera->closed_list, 1);
    return end_event();
}

/* Accounts: camera, owner (signs). Data: name, model, address, features, closed list. */
static u64 update_camera(void) {
    struct camera *camera;
    REQUIRE(WORK->input.count == 2, WRONG_ACCOUNTS);
    TRY(camera_and_owner(&camera));
    TRY(take_description(camera));
    return tell_updated(camera);
}

/* Accounts: camera, owner (signs). Data: whether it takes check-ins. */
static u64 set_active(void) {
    struct camera *camera;
    REQUIRE(WORK->input.count == 2, WRONG_ACCOUNTS);
    TRY(camera_and_owner(&camera));
    const u8 *active = take(1);
    REQUIRE(active && *active <= 1 && is_read_to_end(), WRONG_DATA);
    camera->active = *active;
    camera->changed_s = now_s();
    return tell_updated(camera);
}

/* Accounts: camera, owner (signs), the new device key (signs). */
static u64 rotate_device(void) {
    struct camera *camera;
    struct account *device = account(2);
    REQUIRE(WORK->input.count == 3, WRONG_ACCOUNTS);
    REQUIRE(is_read_to_end(), WRONG_DATA);
    TRY(camera_and_owner(&camera));
    REQUIRE(device->signer, MISSING_SIGNATURE);
    copy_key(camera->device, device->key);
    camera->changed_s = now_s();
    begin_event(DEVICE_ROTATED);
    put(account(0)->key, KEY_BYTES);
    put(device->key, KEY_BYTES);
    return end_event();
}

/* Accounts: camera, owner (signs), who paid for it. Nothing else of the camera may exist. */
static u64 close_camera(void) {
    struct camera *camera;
    REQUIRE(WORK->input.count == 3, WRONG_ACCOUNTS);
    REQUIRE(is_read_to_end(), WRONG_DATA);
    TRY(camera_and_owner(&camera));
    REQUIRE(!camera->sessions && !camera->grants, STILL_IN_USE);
    begin_event(CAMERA_CLOSED);
    put(account(0)->key, KEY_BYTES);
    put_word(camera->log_count);
    put(camera->log_head, KEY_BYTES);
    end_event();
    return close_to(account(0), account(2), camera->payer);
}

/* --- grants ----------------------------------------------------------------------------------- */

/* Accounts: camera, grant, owner (signs), payer (signs), system program.
 * Data: subject, rights, until when (0: for good). Changes a grant that there is. */
static u64 grant_access(void) {
    struct account *made = account(1), *payer = account(3);
    struct camera *camera;
    REQUIRE(WORK->input.count == 5, WRONG_ACCOUNTS);
    TRY(camera_of(account(0), &camera));
    TRY(needs_signature(account(2), camera->owner));
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

/* Whether this person may check in where only who has a grant may. */
SHARED u64 is_granted(const struct account *given, const u8 *camera_key, const u8 *subject) {
    REQUIRE(is_given(given), NO_GRANT);
    REQUIRE(is_same(given->owner, WORK->input.program), NO_GRANT);
    REQUIRE(given->length >= sizeof(struct grant), NO_GRANT);
    const struct grant *grant = (const struct grant *)given->data;
    REQUIRE(grant->tag == GRANT_TAG, NO_GRANT);
    REQUIRE(is_same(grant->camera, camera_key) && is_same(grant->subject, subject), NO_GRANT);
    REQUIRE(grant->rights & RIGHT_CHECK_IN, NO_GRANT);
    REQUIRE(!grant->expires_s || grant->expires_s > now_s(), GRANT_EXPIRED);
    return OK;
}

/* --- sessions --------------------------------------------------------------------------------- */

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

/* Accounts: camera, session, device (signs), payer (signs), system program, person or none, grant or none.
 * Data: subject, number of the visit, when, until when. */
static u64 check_in(void) {
    struct account *held = account(1);
    struct camera *camera;
    REQUIRE(WORK->input.count == 7, WRONG_ACCOUNTS);
    TRY(camera_of(account(0), &camera));
    TRY(needs_signature(account(2), camera->device));
    const u8 *at = take(KEY_BYTES + 3 * 8);
    REQUIRE(at && is_read_to_end(), WRONG_DATA);
    const u8 *subject = at;
    u64 visit = word(at, 4);
    i64 when_s = word(at, 5), expires_s = word(at, 6);
    REQUIRE(!is_zero(subject) && visit, WRONG_DATA);
    REQUIRE(camera->active, INACTIVE);
    TRY(is_subject(camera, account(5), subject));
    TRY(is_plausible(when_s));
    REQUIRE(expires_s > when_s, WRONG_TIME);
    if (is_same(held->owner, WORK->input.program)) {
        struct session *there;
        TRY(session_of(held, account(0), &there));
        REQUIRE(is_same(there->subject, subject), WRONG_ADDRESS);
        REQUIRE(visit > there->visit, ALREADY_DONE);
    }
    if (camera->closed_list) TRY(is_granted(account(6), account(0)->key, subject));
    else REQUIRE(!is_given(account(6)), WRONG_ACCOUNTS);
    if (!is_same(held->owner, WORK->input.program)) TRY(make_session(subject, camera));
    struct session *session = (struct session *)held->data;
    REQUIRE(!session->present, STILL_PRESENT);
    REQUIRE(visit == session->visit + 1, OUT_OF_ORDER);
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

/* --- the log ---------------------------------------------------------------------------------- */

/* The head of the log goes on from what it was: head' = SHA-256(head, number, record). */
SHARED u64 chain_record(struct camera *camera, const u8 *record) {
    u64 number = camera->log_count + 1;
    struct slice parts[3] = {{camera->log_head, KEY_BYTES}, {&number, 8}, {record, RECORD_BYTES}};
    REQUIRE(record[0] < RECORD_KINDS, WRONG_DATA);
    sol_sha256(parts, 3, WORK->record);
    copy_key(camera->log_head, WORK->record);
    camera->log_count = number;
    camera->log_counts[record[0]]++;
    return OK;
}

/* Accounts: camera, device (signs). Data: number of the first record, records of kind, time and digest.
 * All of them are new, or none is taken. */
static u64 append_log(void) {
    struct camera *camera;
    REQUIRE(WORK->input.count == 2, WRONG_ACCOUNTS);
    TRY(camera_of(account(0), &camera));
    TRY(needs_signature(account(1), camera->device));
    u64 count = 0;
    const u8 *first = take(8);
    REQUIRE(first, WRONG_DATA);
    const u8 *records = take_counted(RECORD_BYTES, RECORDS_AT_MOST, &count);
    REQUIRE(records && count && is_read_to_end(), WRONG_DATA);
    u64 number = word(first, 0);
    REQUIRE(number && number + count > number, WRONG_DATA);
    REQUIRE(number <= camera->log_count + 1, OUT_OF_ORDER);
    REQUIRE(number == camera->log_count + 1, ALREADY_DONE);
    for (u64 each = 0; each < count; each++) TRY(chain_record(camera, records + each * RECORD_BYTES));
    camera->log_s = now_s();
    begin_event(LOG_APPENDED);
    put(account(0)->key, KEY_BYTES);
    put_word(number);
    put_word(count);
    put(camera->log_head, KEY_BYTES);
    return end_event();
}

/* --- faces ------------------------------------------------------------------------------------ */

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
    sol_sha256(&content, 1, WORK->record);
    REQUIRE(is_same(WORK->record, face->digest), WRONG_DIGEST);
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

/* --- entry ------------------------------------------------------------------------------------ */

static u64 dispatch(u64 instruction) {
    if (instruction == REGISTER_CAMERA) return register_camera();
    if (instruction == UPDATE_CAMERA) return update_camera();
    if (instruction == SET_ACTIVE) return set_active();
    if (instruction == ROTATE_DEVICE) return rotate_device();
    if (instruction == CLOSE_CAMERA) return close_camera();
    if (instruction == GRANT) return grant_access();
    if (instruction == REVOKE) return revoke_access();
    if (instruction == CHECK_IN) return check_in();
    if (instruction == CHECK_OUT) return check_out();
    if (instruction == CLOSE_SESSION) return close_session();
    if (instruction == APPEND_LOG) return append_log();
    if (instruction == OPEN_FACE) return open_face();
    if (instruction == WRITE_FACE) return write_face();
    if (instruction == SEAL_FACE) return seal_face();
    if (instruction == CLOSE_FACE) return close_face();
    return UNKNOWN_INSTRUCTION;
}

u64 entrypoint(u8 *input) {
    struct work *work = WORK;
    REQUIRE(read_input(input, &work->input), WRONG_ACCOUNTS);
    const u8 *instruction = take(8);
    REQUIRE(instruction, UNKNOWN_INSTRUCTION);
    sol_get_clock_sysvar(&work->clock);
    return dispatch(word(instruction, 0));
}
