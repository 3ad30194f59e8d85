// vault.js held to the test vectors that Python is held to, and against damage.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const vault = await import(`${process.env.MMOMENT_WEB}/vault.js`);
const vectors = JSON.parse(readFileSync(`${process.env.MMOMENT_VECTORS}/vault.json`, 'utf8'));
const bytes = (text) => vault.fromBase64(text);
const record = {
  wallet: vectors.record.wallet,
  modelId: vectors.record.model_id,
  recordId: vectors.record.record_id,
};
const camera = {
  cameraId: vectors.camera.camera_id,
  publicKey: bytes(vectors.camera.public_key),
};
const envelope = bytes(vectors.envelopes[0].envelope);
const userKey = () => vault.keyFromSecret(bytes(vectors.user.private_key));

async function refused(promise, code) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.name, 'VaultError');
    assert.equal(error.code, code);
    assert.notEqual(error.message, '');
    return true;
  });
}

function* flipped(data) {
  for (let bit = 0; bit < 8 * data.length; bit += 1) {
    const changed = Uint8Array.from(data);
    changed[bit >> 3] ^= 1 << (bit & 7);
    yield [bit, changed];
  }
}

test('this runtime can do all of it', async () => {
  assert.equal(await vault.isSupported(), true);
});

for (const vector of vectors.envelopes) {
  test(`seals the same bytes as Python: ${vector.name}`, async () => {
    const fresh = {
      dataKey: bytes(vector.data_key),
      ephemeral: bytes(vector.ephemeral),
      nonce: bytes(vector.nonce),
    };
    const template = bytes(vector.template);
    const custody = vault.CUSTODY[vector.custody];
    const sealed = await vault.sealWith(fresh, template, bytes(vector.recipient), record, custody);
    assert.equal(vault.toBase64(sealed), vector.envelope);
    assert.ok(fresh.dataKey.every((byte) => byte === 0), 'the data key is wiped');
    assert.ok(fresh.ephemeral.every((byte) => byte === 0), 'the private key is wiped');
  });
}

for (const vector of vectors.envelopes.filter(({ custody }) => custody === 'user')) {
  test(`opens what Python sealed: ${vector.name}`, async () => {
    const opened = await vault.openOwn(bytes(vector.envelope), record, await userKey());
    assert.equal(vault.toBase64(opened), vector.template);
  });
}

for (const vector of vectors.wrapped_keys) {
  test(`wraps the same bytes as Python until ${vector.expires_ms}`, async () => {
    const wrapped = await vault.rewrapWith(
      bytes(vector.ephemeral),
      envelope,
      record,
      await userKey(),
      camera,
      vector.expires_ms,
    );
    assert.equal(vault.toBase64(wrapped), vector.wrapped_key);
  });
}

test('what is sealed here opens here', async () => {
  const key = await userKey();
  const template = crypto.getRandomValues(new Uint8Array(540));
  const sealed = await vault.seal(template, key.publicKey, record);
  assert.deepEqual(await vault.openOwn(sealed, record, key), template);
  const again = await vault.seal(template, key.publicKey, record);
  assert.notDeepEqual(sealed.subarray(16), again.subarray(16));
});

test('the key of a wallet is the one of Python, and cannot be read out', async () => {
  const asked = [];
  const sign = async (text) => {
    asked.push(new TextDecoder().decode(text));
    return bytes(vectors.user.signature);
  };
  const key = await vault.keyFromWallet(sign, record.wallet);
  assert.deepEqual(asked, [vectors.user.key_text, vectors.user.key_text]);
  assert.equal(vault.toBase64(key.publicKey), vectors.user.public_key);
  assert.equal(key.privateKey.extractable, false);
  await assert.rejects(crypto.subtle.exportKey('pkcs8', key.privateKey));
});

test('a wallet that signs differently each time makes no key', async () => {
  let count = 0;
  const signature = bytes(vectors.user.signature);
  const changing = async () => signature.map((byte, i) => (i === 63 ? byte ^ (count += 1) : byte));
  await refused(vault.keyFromWallet(changing, record.wallet), 'signature_differs');
  for (const same of [new Uint8Array(64), signature.slice(1), new Uint8Array()]) {
    await refused(vault.keyFromWallet(async () => same, record.wallet), 'signature_differs');
  }
});

test('a backup is the one of Python', async () => {
  const { backup } = vectors;
  const secret = bytes(vectors.user.private_key);
  const made = await vault.makeBackupWith(
    bytes(backup.salt),
    bytes(backup.nonce),
    secret,
    backup.passphrase,
    record.wallet,
  );
  assert.equal(made, backup.backup);
});

test('a backup opens with its passphrase, however it was typed', async () => {
  const { backup } = vectors;
  for (const form of ['NFC', 'NFD']) {
    const passphrase = backup.passphrase.normalize(form);
    const { wallet, key } = await vault.openBackup(backup.backup, passphrase);
    assert.equal(wallet, record.wallet);
    assert.equal(vault.toBase64(key.publicKey), vectors.user.public_key);
    assert.equal(key.privateKey.extractable, false);
  }
  await refused(vault.openBackup(backup.backup, `${backup.passphrase} `), 'wrong_passphrase');
});

test('a new key opens again from its backup', async () => {
  const { key, backup } = await vault.newPassphraseKey('correct horse battery', record.wallet);
  const sealed = await vault.seal(Uint8Array.of(1, 2, 3), key.publicKey, record);
  const again = await vault.openBackup(backup, 'correct horse battery');
  assert.deepEqual(await vault.openOwn(sealed, record, again.key), Uint8Array.of(1, 2, 3));
});

test('short passphrases are not taken', async () => {
  for (const passphrase of ['', 'elf Zeichen', 'a\u0308'.repeat(11), '\u{1f600}'.repeat(11)]) {
    await refused(vault.newPassphraseKey(passphrase, record.wallet), 'weak_passphrase');
  }
});

test('a changed backup is refused', async () => {
  const { backup, passphrase } = vectors.backup;
  const changed = (change) => {
    const content = JSON.parse(backup);
    change(content);
    return JSON.stringify(content);
  };
  const wrong = [
    (content) => (content.wallet = vectors.other_wallet),
    (content) => (content.kdf.salt = `${'A'.repeat(22)}==`),
    (content) => (content.nonce = 'A'.repeat(16)),
  ];
  for (const change of wrong) {
    await refused(vault.openBackup(changed(change), passphrase), 'wrong_passphrase');
  }
  const bad = [
    (content) => (content.version = 2),
    (content) => (content.format = 'other'),
    (content) => (content.kdf.name = 'PBKDF2-HMAC-SHA1'),
    (content) => (content.kdf.rounds = 599_999),
    (content) => (content.kdf.rounds = 10_000_001),
    (content) => (content.kdf = null),
    (content) => (content.wallet = 7),
    (content) => (content.nonce = 'AAAA'),
    (content) => (content.sealed_key = '!'),
    (content) => (content.public_key = `${'A'.repeat(42)}B=`),
  ];
  for (const change of bad) {
    await refused(vault.openBackup(changed(change), passphrase), 'bad_backup');
  }
  for (const text of ['', '{}', 'null', '[]']) {
    await refused(vault.openBackup(text, passphrase), 'bad_backup');
  }
});

test('nothing opens as another record, nor for somebody else', async () => {
  const key = await userKey();
  const others = [
    { ...record, wallet: vectors.other_wallet },
    { ...record, modelId: 'facenet-casia' },
    { ...record, recordId: 'b0b1c2d3e4f5' },
  ];
  for (const other of others) {
    await refused(vault.openOwn(envelope, other, key), 'bad_envelope');
    await refused(vault.rewrap(envelope, other, key, camera, 1), 'bad_envelope');
  }
  const stranger = await vault.keyFromSecret(crypto.getRandomValues(new Uint8Array(32)));
  await refused(vault.openOwn(envelope, record, stranger), 'wrong_key');
  await refused(vault.rewrap(envelope, record, stranger, camera, 1), 'wrong_key');
});

test('no bit of an envelope can be changed', async () => {
  const key = await userKey();
  for (const [bit, changed] of flipped(bytes(vectors.envelopes[1].envelope))) {
    const isRecipientId = bit >= 64 && bit < 128;
    const opened = vault.openOwn(changed, record, key);
    await refused(opened, isRecipientId ? 'wrong_key' : 'bad_envelope');
  }
});

test('an envelope has its length', async () => {
  const key = await userKey();
  const longer = new Uint8Array(envelope.length + 1);
  longer.set(envelope);
  for (const data of [new Uint8Array(), envelope.slice(0, 107), envelope.slice(0, -1), longer]) {
    await refused(vault.openOwn(data, record, key), 'bad_envelope');
  }
});

for (const text of vectors.small_order_keys) {
  test(`nothing is sealed to the key of small order ${text}`, async () => {
    const publicKey = bytes(text);
    await refused(vault.seal(Uint8Array.of(1), publicKey, record), 'bad_key');
    const badCamera = { ...camera, publicKey };
    await refused(vault.rewrap(envelope, record, await userKey(), badCamera, 1), 'bad_key');
    const forged = Uint8Array.from(envelope);
    forged.set(publicKey, 16);
    await refused(vault.openOwn(forged, record, await userKey()), 'bad_envelope');
  });
}

test('what is not named as it must be is not sealed', async () => {
  const { publicKey } = await userKey();
  const template = Uint8Array.of(1);
  for (const other of [
    { ...record, wallet: 'nobody' },
    { ...record, modelId: 'two words' },
    { ...record, recordId: '' },
    { ...record, recordId: 'line\n' },
    { wallet: record.wallet },
  ]) {
    await assert.rejects(async () => vault.seal(template, publicKey, other), RangeError);
  }
  for (const empty of [new Uint8Array(), new Uint8Array(16 * 1024 + 1)]) {
    await assert.rejects(async () => vault.seal(empty, publicKey, record), RangeError);
  }
  for (const expiresMs of [-1, 1.5, 2 ** 53, NaN]) {
    const wrapped = async () => vault.rewrap(envelope, record, await userKey(), camera, expiresMs);
    await assert.rejects(wrapped, RangeError);
  }
});

test('base64 has one spelling', () => {
  assert.deepEqual(vault.fromBase64('AQID', 3), Uint8Array.of(1, 2, 3));
  for (const text of ['AQI', 'AQID\n', 'AR==', '!']) assert.throws(() => vault.fromBase64(text));
  assert.throws(() => vault.fromBase64('AQID', 4));
});
