// A Solana transaction as it is sent: a number of signatures, the signatures, and the message that
// they sign. Of the message, only what says whose signature goes where. In a message of version 0, a
// byte with the highest bit set comes first; then three numbers, the first of which says how many of
// the accounts sign; then the accounts, those that sign before the others.

const SIGNATURE_BYTES = 64;
const ADDRESS_BYTES = 32;
const VERSION_BIT = 0x80;
const HEADER_BYTES = 3;
const NOT_YOURS = 'This transaction does not ask for your signature';

// What is signed.
export function messageOf(transaction) {
  const [signatures] = transaction;
  return transaction.slice(1 + signatures * SIGNATURE_BYTES);
}

// The same transaction with a signature in its place; throws if that account is not to sign.
export function withSignature(transaction, publicKey, signature) {
  const place = signers(messageOf(transaction)).findIndex((key) => isSame(key, publicKey));
  if (place < 0 || place >= transaction[0]) throw new Error(NOT_YOURS);
  const signed = transaction.slice();
  signed.set(signature, 1 + place * SIGNATURE_BYTES);
  return signed;
}

function signers(message) {
  const header = message[0] & VERSION_BIT ? 1 : 0;
  const count = message[header];
  // Fewer than 128 accounts fit, so their number is one byte.
  const first = header + HEADER_BYTES + 1;
  return Array.from({ length: count }, (_, i) => {
    const start = first + i * ADDRESS_BYTES;
    return message.slice(start, start + ADDRESS_BYTES);
  });
}

function isSame(one, other) {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}
