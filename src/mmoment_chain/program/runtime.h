/* What a Solana program gets from its loader, and the calls it may make. No libc, no writable globals.
 *
 * Source of the formats: the input of the upgradeable loader ("aligned" serialisation) and the C interface of
 * cross-program invocation, as documented by Solana. Memory is little-endian and may be read unaligned.
 */
#ifndef MMOMENT_RUNTIME_H
#define MMOMENT_RUNTIME_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

#define KEY_BYTES 32
#define ACCOUNTS_AT_MOST 8
#define GROWTH_BYTES 10240
#define NOT_A_DUPLICATE 0xff
#define INLINE static inline __attribute__((always_inline))
/* Rent is paid for every byte of the program, and a call costs next to nothing. */
#define SHARED static __attribute__((noinline))

/* --- system calls; the linker knows no others ------------------------------------------------- */

struct slice { const void *at; u64 length; };
struct rent { u64 lamports_per_byte; u64 threshold_bits; u8 burn_percent; u8 padding[7]; };
struct clock { u64 slot; i64 epoch_start; u64 epoch; u64 leader_epoch; i64 unix_s; };

struct meta { const u8 *key; u8 writable; u8 signer; };
struct call { const u8 *program; const struct meta *accounts; u64 account_count; const u8 *data; u64 length; };
struct info {
    const u8 *key; u64 *lamports; u64 length; u8 *data; const u8 *owner; u64 rent_epoch;
    u8 signer; u8 writable; u8 executable;
};
struct seeds { const struct slice *parts; u64 count; };

extern u64 sol_try_find_program_address(const struct slice *seeds, u64 count, const u8 *program, u8 *key, u8 *bump);
extern u64 sol_invoke_signed_c(const struct call *call, const struct info *infos, u64 count,
                               const struct seeds *signers, u64 signer_count);
extern u64 sol_sha256(const struct slice *parts, u64 count, u8 *digest);
extern u64 sol_log_data(const struct slice *parts, u64 count);
extern u64 sol_get_clock_sysvar(struct clock *clock);
extern u64 sol_get_rent_sysvar(struct rent *rent);
extern u64 sol_memcpy_(void *to, const void *from, u64 length);
extern u64 sol_memset_(void *at, u8 value, u64 length);

/* --- keys and bytes --------------------------------------------------------------------------- */

/* The machine reads and writes at any address: no need to go byte by byte where nothing is aligned. */
INLINE u64 word(const u8 *at, u64 number) { return ((const u64 *)at)[number]; }
INLINE u32 half_word(const u8 *at) { return *(const u32 *)at; }
INLINE void set_word(u8 *at, u64 number, u64 value) { ((u64 *)at)[number] = value; }

SHARED int is_same(const u8 *a, const u8 *b) {
    return word(a, 0) == word(b, 0) && word(a, 1) == word(b, 1) && word(a, 2) == word(b, 2) &&
           word(a, 3) == word(b, 3);
}

SHARED int is_zero(const u8 *key) {
    return !(word(key, 0) | word(key, 1) | word(key, 2) | word(key, 3));
}

SHARED void copy_key(u8 *to, const u8 *from) {
    for (u64 number = 0; number < KEY_BYTES / 8; number++)
        set_word(to, number, word(from, number));
}

/* --- the input -------------------------------------------------------------------------------- */

struct account {
    const u8 *key;
    u8 *owner;
    u64 *lamports;
    u64 length;
    u8 *data;
    u64 rent_epoch;
    u8 signer, writable, executable, padding[5];
};

struct input {
    struct account accounts[ACCOUNTS_AT_MOST];
    u64 count;
    const u8 *data; /* what is not read yet */
    u64 length;
    const u8 *program;
};

/* Reads what the loader hands over; 0 if there are more accounts than any instruction takes. */
SHARED int read_input(u8 *at, struct input *input) {
    u64 count = *(u64 *)at;
    at += 8;
    if (count > ACCOUNTS_AT_MOST) return 0;
    for (u64 number = 0; number < count; number++) {
        struct account *account = &input->accounts[number];
        u8 first = *at;
        if (first != NOT_A_DUPLICATE) {
            if (first >= number) return 0;
            *account = input->accounts[first];
            at += 8;
            continue;
        }
        account->signer = at[1];
        account->writable = at[2];
        account->executable = at[3];
        account->key = at + 8;
        account->owner = at + 40;
        account->lamports = (u64 *)(at + 72);
        account->length = *(u64 *)(at + 80);
        account->data = at + 88;
        at += 88 + account->length + GROWTH_BYTES;
        at = (u8 *)(((u64)at + 7) & ~7ULL);
        account->rent_epoch = *(u64 *)at;
        at += 8;
    }
    input->count = count;
    input->length = *(u64 *)at;
    input->data = at + 8;
    input->program = input->data + input->length;
    return 1;
}

#endif
