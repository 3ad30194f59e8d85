/* How accounts come and go: calls of the system program. */
#ifndef MMOMENT_CALLS_H
#define MMOMENT_CALLS_H

#include "checks.h"

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
 * Not by the system program's create_account, which refuses an account that has lamports: anybody could send
 * some to an address, and nobody could make anything there any more.
 */
SHARED u64 make(struct account *made, struct account *payer, u64 bytes, struct slice *seeds,
                u64 seed_count) {
    struct work *work = WORK;
    u64 least = 0;
    TRY(needs_payer(payer));
    REQUIRE(made->writable, NOT_WRITABLE);
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

/* Give the account back to the system, and its rent to who paid it.
 *
 * Whoever paid signed for it then, which an account of this program never does: it is another account. */
SHARED u64 close_to(struct account *closed, struct account *payer, const u8 *paid_by) {
    REQUIRE(is_same(payer->key, paid_by), WRONG_AUTHORITY);
    REQUIRE(payer->writable, NOT_WRITABLE);
    *payer->lamports += *closed->lamports;
    *closed->lamports = 0;
    /* Its length: the loader cuts off the data. */
    set_word(closed->data - 8, 0, 0);
    copy_key(closed->owner, SYSTEM_PROGRAM);
    return OK;
}

#endif
