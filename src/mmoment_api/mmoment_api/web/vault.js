// The owner's side of the vault: their face template is sealed to a key that only they have.
//
// Counterpart of vault.py, sealing.py, envelope.py and key_custody.py in mmoment_chain: the layouts
// are described there, and test vectors hold both to the same bytes. WebCrypto only, which browsers
// offer on https:// and on localhost; `isSupported` tells.
//
// A record is { wallet, modelId, recordId }. A user's key is { publicKey, privateKey }: 32 bytes,
// and a CryptoKey that no script can read out; both may be kept in IndexedDB. Whatever is refused
// is a VaultError with the same stable code as in Python.

const subtle = globalThis.crypto?.subtle;
const encoder = new TextEncoder();

export const CUSTODY = Object.freeze({ user: 1, camera: 2 });
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_BYTES = 8;
const SEALED_KEY_BYTES = KEY_BYTES + KEY_BYTES + TAG_BYTES;
const MOST_TEMPLATE_BYTES = 16 * 1024;
const LAYOUT_VERSION = 1;
const ENVELOPE_MAGIC = 'MMEV';
const ENVELOPE_HEADER_BYTES = 8 + KEY_ID_BYTES + SEALED_KEY_BYTES + NONCE_BYTES;
const WRAPPED_KEY_MAGIC = 'MMWK';
const WRAPPED_KEY_BYTES = 5 + KEY_ID_BYTES + 8 + SEALED_KEY_BYTES;

const SEAL_LABEL = 'mmoment/vault/1/seal';
const BODY_LABEL = 'mmoment/vault/1/body\0';
const ENVELOPE_LABEL = 'mmoment/vault/1/envelope-key\0';
const WRAP_LABEL = 'mmoment/vault/1/wrapped-key\0';
const USER_KEY_LABEL = 'mmoment/vault/1/user-key\0';
const BACKUP_LABEL = 'mmoment/vault/1/backup\0';

// A private key of 32 bytes is imported behind this: PKCS#8 of X25519 (RFC 8410).
const PKCS8_X25519 = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20];
// With it, a private key makes its own public key (RFC 7748).
const BASE_POINT = new Uint8Array(KEY_BYTES).fill(9, 0, 1);

const WALLET = /^[1-9A-HJ-NP-Za-km-z]{32,44}$/;
const MODEL_ID = /^[!-~]{1,255}$/;
const RECORD_ID = /^[0-9A-Za-z_-]{1,64}$/;
const CAMERA_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

// What a wallet signs to make its owner's key. One changed letter would change every key.
export const KEY_TEXT = [
  'Mmoment camera: key of my face template (version 1)',
  '',
  'Signing this makes the key that opens your face template.',
  'Whoever gets this signature can open it, now and later.',
  'Sign only on a page that you opened yourself and trust.',
  '',
  'This is not a sign-in. It sends nothing and costs nothing.',
].join('\n');
const SIGNATURE_BYTES = 64;

const BACKUP_FORMAT = 'mmoment-key-backup';
const BACKUP_VERSION = 1;
const KDF_NAME = 'PBKDF2-HMAC-SHA256';
const ROUNDS = 600_000;
const MOST_ROUNDS = 10_000_000;
const SALT_BYTES = 16;
const SHORTEST_PASSPHRASE = 12;

const SENTENCES = {
  bad_envelope: 'This sealed template is damaged or was not made for this purpose',
  wrong_key: 'This key does not open this template',
  bad_key: 'This is no public key that a template may be sealed to',
  signature_differs: 'This wallet signs the same text differently each time: take a passphrase',
  weak_passphrase: `A passphrase has at least ${SHORTEST_PASSPHRASE} characters`,
  bad_passphrase: 'This passphrase has half a character in it: type it anew',
  wrong_passphrase: 'The passphrase is wrong, or the backup is damaged',
  bad_backup: 'This is no backup of a key that this program reads',
};

export class VaultError extends Error {
  constructor(code) {
    super(SENTENCES[code]);
    this.name = 'VaultError';
    this.code = code;
  }
}

// Whether this browser, on this page, can do all of it.
export async function isSupported() {
  try {
    await subtle.generateKey({ name: 'X25519' }, false, ['deriveBits']);
    return true;
  } catch {
    return false;
  }
}

/* --- keys of people ------------------------------------------------------------------------ */

// The key that a wallet makes. sign: async (bytes) => signature, asked twice: what differs the
// second time would never open again what is sealed now.
export async function keyFromWallet(sign, wallet) {
  check(WALLET, wallet);
  const signatures = [];
  return wiping(signatures, async () => {
    const text = encoder.encode(KEY_TEXT);
    for (let i = 0; i < 2; i += 1) signatures.push(Uint8Array.from(await sign(text)));
    const [first, second] = signatures;
    const usable = first.length === SIGNATURE_BYTES && first.some((byte) => byte !== 0);
    if (!usable || !areEqual(first, second)) throw new VaultError('signature_differs');
    const salt = encoder.encode(USER_KEY_LABEL);
    return keyFromSecret(await expand(first, salt, encoder.encode(wallet), KEY_BYTES));
  });
}

// A new random key, and the backup (JSON text) that opens with the passphrase. Without the backup,
// what is sealed to this key is lost when the browser forgets it: have it saved first.
export async function newPassphraseKey(passphrase, wallet) {
  const secret = random(KEY_BYTES);
  const [salt, nonce] = [random(SALT_BYTES), random(NONCE_BYTES)];
  return wiping([secret], async () => {
    const backup = await makeBackupWith(salt, nonce, secret, passphrase, wallet);
    return { key: await keyFromSecret(secret), backup };
  });
}

// The same with given values, for test vectors.
export async function makeBackupWith(salt, nonce, secret, passphrase, wallet) {
  check(WALLET, wallet);
  if ([...typed(passphrase)].length < SHORTEST_PASSPHRASE) throw new VaultError('weak_passphrase');
  const { publicKey } = await keyFromSecret(Uint8Array.from(secret));
  const stretched = await stretch(passphrase, salt, ROUNDS);
  const purpose = backupPurpose(wallet, publicKey);
  const sealed = await wiping([stretched], () => encrypt(stretched, nonce, secret, purpose));
  const backup = {
    format: BACKUP_FORMAT,
    version: BACKUP_VERSION,
    wallet,
    public_key: toBase64(publicKey),
    kdf: { name: KDF_NAME, rounds: ROUNDS, salt: toBase64(salt) },
    nonce: toBase64(nonce),
    sealed_key: toBase64(sealed),
  };
  return `${JSON.stringify(backup, null, 2)}\n`;
}

// { wallet, key } of a backup.
export async function openBackup(text, passphrase) {
  const backup = readBackup(text);
  const stretched = await stretch(passphrase, backup.salt, backup.rounds);
  const purpose = backupPurpose(backup.wallet, backup.publicKey);
  const secret = await wiping([stretched], () => {
    return decrypt(stretched, backup.nonce, backup.sealed, purpose, 'wrong_passphrase');
  });
  const key = await keyFromSecret(secret);
  if (!areEqual(key.publicKey, backup.publicKey)) throw new VaultError('bad_backup');
  return { wallet: backup.wallet, key };
}

function readBackup(text) {
  try {
    const backup = JSON.parse(text);
    const { rounds } = backup.kdf;
    if (backup.format !== BACKUP_FORMAT || backup.version !== BACKUP_VERSION) throw new Error();
    if (backup.kdf.name !== KDF_NAME || !WALLET.test(backup.wallet)) throw new Error();
    if (!Number.isInteger(rounds) || rounds < ROUNDS || rounds > MOST_ROUNDS) throw new Error();
    return {
      wallet: backup.wallet,
      rounds,
      salt: fromBase64(backup.kdf.salt, SALT_BYTES),
      publicKey: fromBase64(backup.public_key, KEY_BYTES),
      nonce: fromBase64(backup.nonce, NONCE_BYTES),
      sealed: fromBase64(backup.sealed_key, KEY_BYTES + TAG_BYTES),
    };
  } catch {
    throw new VaultError('bad_backup');
  }
}

// Takes 32 bytes of a private key, which are wiped.
export async function keyFromSecret(secret) {
  const pkcs8 = join(PKCS8_X25519, secret);
  const privateKey = await wiping([pkcs8, secret], () => {
    return subtle.importKey('pkcs8', pkcs8, 'X25519', false, ['deriveBits']);
  });
  return { publicKey: await sharedBits(privateKey, BASE_POINT), privateKey };
}

/* --- envelopes ----------------------------------------------------------------------------- */

// Envelope (bytes) of a template, sealed to a public key.
export function seal(template, recipient, record, custody = CUSTODY.user) {
  const [dataKey, ephemeral] = [random(KEY_BYTES), random(KEY_BYTES)];
  const fresh = { dataKey, ephemeral, nonce: random(NONCE_BYTES) };
  return sealWith(fresh, template, recipient, record, custody);
}

// The same with given values, for test vectors.
export function sealWith(fresh, template, recipient, record, custody) {
  const { dataKey, ephemeral } = fresh;
  return wiping([dataKey, ephemeral], () => sealed(fresh, template, recipient, record, custody));
}

async function sealed({ dataKey, ephemeral, nonce }, template, recipient, record, custody) {
  if (template.length < 1 || template.length > MOST_TEMPLATE_BYTES) {
    throw new RangeError(`a template has 1 to ${MOST_TEMPLATE_BYTES} bytes`);
  }
  const purpose = envelopePurpose(record, custody);
  const sealedKey = await sealKey(ephemeral, dataKey, recipient, purpose);
  const body = await encrypt(dataKey, nonce, template, bodyPurpose(record));
  const head = [LAYOUT_VERSION, custody, template.length & 0xff, template.length >> 8];
  const recipientId = await keyId(recipient);
  return join(encoder.encode(ENVELOPE_MAGIC), head, recipientId, sealedKey, nonce, body);
}

// The template, by its owner. Wipe it after use.
export async function openOwn(envelope, record, key) {
  const parts = parseEnvelope(envelope);
  const dataKey = await ownDataKey(parts, record, key);
  return wiping([dataKey], () => decrypt(dataKey, parts.nonce, parts.body, bodyPurpose(record)));
}

// Wrapped key (bytes) with which one camera opens the envelope until a moment.
// camera: { cameraId, publicKey }; expiresMs: milliseconds since 1970.
export function rewrap(envelope, record, key, camera, expiresMs) {
  return rewrapWith(random(KEY_BYTES), envelope, record, key, camera, expiresMs);
}

// The same with a given value, for test vectors.
export function rewrapWith(ephemeral, envelope, record, key, camera, expiresMs) {
  return wiping([ephemeral], () => rewrapped(ephemeral, envelope, record, key, camera, expiresMs));
}

async function rewrapped(ephemeral, envelope, record, key, camera, expiresMs) {
  if (!Number.isSafeInteger(expiresMs) || expiresMs < 0) throw new RangeError('expiresMs');
  check(CAMERA_ID, camera.cameraId);
  const expires = new Uint8Array(8);
  new DataView(expires.buffer).setBigUint64(0, BigInt(expiresMs), true);
  const bound = [expires, prefixed(camera.cameraId), recordBytes(record)];
  const purpose = join(encoder.encode(WRAP_LABEL), ...bound);
  const dataKey = await ownDataKey(parseEnvelope(envelope), record, key);
  const sealedKey = await wiping([dataKey], () => {
    return sealKey(ephemeral, dataKey, camera.publicKey, purpose);
  });
  const head = [...encoder.encode(WRAPPED_KEY_MAGIC), LAYOUT_VERSION];
  return join(head, await keyId(camera.publicKey), expires, sealedKey);
}

// { custody, recipientId, sealedKey, nonce, body } of an envelope.
export function parseEnvelope(bytes) {
  const damaged = () => new VaultError('bad_envelope');
  if (bytes.length < ENVELOPE_HEADER_BYTES) throw damaged();
  const magic = String.fromCharCode(...bytes.subarray(0, 4));
  const [version, custody, low, high] = bytes.subarray(4, 8);
  const length = low + 256 * high;
  if (magic !== ENVELOPE_MAGIC || version !== LAYOUT_VERSION) throw damaged();
  if (!Object.values(CUSTODY).includes(custody)) throw damaged();
  if (length < 1 || length > MOST_TEMPLATE_BYTES) throw damaged();
  if (bytes.length !== ENVELOPE_HEADER_BYTES + length + TAG_BYTES) throw damaged();
  let position = 8;
  const next = (count) => bytes.slice(position, (position += count));
  return {
    custody,
    recipientId: next(KEY_ID_BYTES),
    sealedKey: next(SEALED_KEY_BYTES),
    nonce: next(NONCE_BYTES),
    body: next(length + TAG_BYTES),
  };
}

async function ownDataKey(parts, record, key) {
  if (!areEqual(parts.recipientId, await keyId(key.publicKey))) throw new VaultError('wrong_key');
  return unsealKey(parts.sealedKey, key, envelopePurpose(record, parts.custody));
}

/* --- sealing ------------------------------------------------------------------------------- */

async function sealKey(ephemeralSecret, dataKey, recipient, purpose) {
  const own = await keyFromSecret(ephemeralSecret);
  const bits = await agree(own.privateKey, recipient, join(own.publicKey, recipient));
  return wiping([bits], async () => {
    return join(own.publicKey, await encrypt(...keyAndNonce(bits), dataKey, purpose));
  });
}

async function unsealKey(sealed, key, purpose) {
  const sender = sealed.slice(0, KEY_BYTES);
  let bits;
  try {
    bits = await agree(key.privateKey, sender, join(sender, key.publicKey));
  } catch {
    throw new VaultError('bad_envelope');
  }
  return wiping([bits], () => decrypt(...keyAndNonce(bits), sealed.slice(KEY_BYTES), purpose));
}

function keyAndNonce(bits) {
  return [bits.subarray(0, KEY_BYTES), bits.subarray(KEY_BYTES)];
}

async function agree(privateKey, publicKey, salt) {
  let shared;
  try {
    shared = await sharedBits(privateKey, publicKey);
  } catch {
    throw new VaultError('bad_key');
  }
  // A point of small order: with it everybody comes to the same secret.
  if (shared.every((byte) => byte === 0)) throw new VaultError('bad_key');
  return wiping([shared], () => {
    return expand(shared, salt, encoder.encode(SEAL_LABEL), KEY_BYTES + NONCE_BYTES);
  });
}

async function sharedBits(privateKey, publicKey) {
  const theirs = await subtle.importKey('raw', publicKey, 'X25519', true, []);
  const how = { name: 'X25519', public: theirs };
  return new Uint8Array(await subtle.deriveBits(how, privateKey, 8 * KEY_BYTES));
}

async function expand(secret, salt, info, length) {
  const material = await subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits']);
  const how = { name: 'HKDF', hash: 'SHA-256', salt, info };
  return new Uint8Array(await subtle.deriveBits(how, material, 8 * length));
}

async function stretch(passphrase, salt, iterations) {
  const bytes = encoder.encode(typed(passphrase));
  const material = await wiping([bytes], () => {
    return subtle.importKey('raw', bytes, 'PBKDF2', false, ['deriveBits']);
  });
  const how = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations };
  return new Uint8Array(await subtle.deriveBits(how, material, 8 * KEY_BYTES));
}

// The same characters however a keyboard composes them. Half of one has no bytes: an encoder puts
// another character in its place, and not the same one everywhere.
function typed(passphrase) {
  if (!passphrase.isWellFormed()) throw new VaultError('bad_passphrase');
  return passphrase.normalize('NFKC');
}

async function encrypt(key, iv, data, additionalData) {
  const aesKey = await subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt']);
  const how = { name: 'AES-GCM', iv, additionalData };
  return new Uint8Array(await subtle.encrypt(how, aesKey, data));
}

async function decrypt(key, iv, data, additionalData, code = 'bad_envelope') {
  const aesKey = await subtle.importKey('raw', key, 'AES-GCM', false, ['decrypt']);
  try {
    const how = { name: 'AES-GCM', iv, additionalData };
    return new Uint8Array(await subtle.decrypt(how, aesKey, data));
  } catch {
    throw new VaultError(code);
  }
}

/* --- bytes --------------------------------------------------------------------------------- */

export function toBase64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

// length: how many bytes there must be, if that is known.
export function fromBase64(text, length) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  if (length !== undefined && bytes.length !== length) throw new RangeError('length');
  if (toBase64(bytes) !== text) throw new RangeError('base64');
  return bytes;
}

export function wipe(...buffers) {
  for (const buffer of buffers) buffer.fill(0);
}

// What `work` comes to; then the secrets are wiped, also if it fails.
async function wiping(secrets, work) {
  try {
    return await work();
  } finally {
    wipe(...secrets);
  }
}

async function keyId(publicKey) {
  const digest = await subtle.digest('SHA-256', publicKey);
  return new Uint8Array(digest, 0, KEY_ID_BYTES);
}

function random(length) {
  return crypto.getRandomValues(new Uint8Array(length));
}

function join(...parts) {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let position = 0;
  for (const part of parts) {
    joined.set(part, position);
    position += part.length;
  }
  return joined;
}

function areEqual(one, other) {
  if (one.length !== other.length) return false;
  return one.reduce((difference, byte, i) => difference | (byte ^ other[i]), 0) === 0;
}

// ASCII text after its length: no two texts run into each other.
function prefixed(text) {
  return join([text.length], encoder.encode(text));
}

function recordBytes({ wallet, modelId, recordId }) {
  check(WALLET, wallet);
  check(MODEL_ID, modelId);
  check(RECORD_ID, recordId);
  return join(prefixed(wallet), prefixed(modelId), prefixed(recordId));
}

function bodyPurpose(record) {
  return join(encoder.encode(BODY_LABEL), recordBytes(record));
}

function envelopePurpose(record, custody) {
  return join(encoder.encode(ENVELOPE_LABEL), [custody], recordBytes(record));
}

function backupPurpose(wallet, publicKey) {
  return join(encoder.encode(BACKUP_LABEL), prefixed(wallet), publicKey);
}

function check(pattern, text) {
  if (typeof text !== 'string' || !pattern.test(text)) throw new RangeError('no well-formed name');
}
