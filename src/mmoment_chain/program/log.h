/* The log: nothing but a head, that all its records lead to, and counts. */
#ifndef MMOMENT_LOG_H
#define MMOMENT_LOG_H

#include "calls.h"
#include "events.h"

/* The head of the log goes on from what it was: head' = SHA-256(head, number, record). */
SHARED u64 chain_record(struct camera *camera, const u8 *record) {
    u64 number = camera->log_count + 1;
    struct slice parts[3] = {{camera->log_head, KEY_BYTES}, {&number, 8}, {record, RECORD_BYTES}};
    REQUIRE(record[0] < RECORD_KINDS, WRONG_DATA);
    sol_sha256(parts, 3, WORK->digest);
    copy_key(camera->log_head, WORK->digest);
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

#endif
