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

test('half a character is in no passphrase', async () => {
  for (const utf16 of vectors.bad_passphrases) {
    const passphrase = String.fromCharCode(...new Uint16Array(bytes(utf16).buffer));
    await refused(vault.newPassphraseKey(passphrase, record.wallet), 'bad_passphrase');
    await refused(vault.openBackup(vectors.backup.backup, passphrase), 'bad_passphrase');
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

// Runs `work`, and returns how many secrets it made or was given; each must be wiped in the end.
async function secretsOf(work) {
  const secrets = [];
  const { subtle } = crypto;
  const names = ['importKey', 'encrypt', 'decrypt', 'deriveBits'];
  const real = Object.fromEntries(names.map((name) => [name, subtle[name].bind(subtle)]));
  const from = Uint8Array.from;
  subtle.importKey = (format, data, algorithm, ...more) => {
    if (algorithm !== 'X25519' || format === 'pkcs8') secrets.push(data);
    return real.importKey(format, data, algorithm, ...more);
  };
  subtle.encrypt = (how, key, data) => {
    if (data.length === 32) secrets.push(data);
    return real.encrypt(how, key, data);
  };
  subtle.decrypt = async (...how) => {
    const opened = await real.decrypt(...how);
    if (opened.byteLength === 32) secrets.push(new Uint8Array(opened));
    return opened;
  };
  subtle.deriveBits = async (how, ...more) => {
    const bits = await real.deriveBits(how, ...more);
    if (how.name !== 'X25519') secrets.push(new Uint8Array(bits));
    return bits;
  };
  Uint8Array.from = (...values) => {
    const made = from.apply(Uint8Array, values);
    if (made.length === 64) secrets.push(made);
    return made;
  };
  try {
    await work();
  } finally {
    names.forEach((name) => delete subtle[name]);
    Uint8Array.from = from;
  }
  for (const secret of secrets) assert.ok(secret.every((byte) => byte === 0), 'a secret is left');
  return secrets.length;
}

test('no secret is left behind, whatever goes wrong', async () => {
  const key = await userKey();
  const secret = () => crypto.getRandomValues(new Uint8Array(32));
  const stranger = await vault.keyFromSecret(secret());
  const small = bytes(vectors.small_order_keys[0]);
  const template = Uint8Array.of(1, 2, 3);
  const damaged = Uint8Array.from(envelope);
  damaged[damaged.length - 1] ^= 1;
  const { backup, passphrase } = vectors.backup;
  const signature = bytes(vectors.user.signature);
  const answers = [signature];
  const signsOnce = async () => {
    if (answers.length === 0) throw new vault.VaultError('wrong_key');
    return answers.pop();
  };
  const other = { ...record, recordId: 'other' };
  const badCamera = { ...camera, publicKey: small };
  const cases = [
    [() => vault.seal(template, key.publicKey, record)],
    [() => vault.seal(template, small, record), 'bad_key'],
    [() => vault.openOwn(envelope, record, key)],
    [() => vault.openOwn(damaged, record, key), 'bad_envelope'],
    [() => vault.openOwn(envelope, other, key), 'bad_envelope'],
    [() => vault.rewrap(envelope, record, key, camera, 1)],
    [() => vault.rewrap(envelope, record, key, badCamera, 1), 'bad_key'],
    [() => vault.keyFromWallet(async () => signature, record.wallet)],
    [() => vault.keyFromWallet(signsOnce, record.wallet), 'wrong_key'],
    [() => vault.keyFromWallet(async () => secret(), record.wallet), 'signature_differs', 0],
    [() => vault.newPassphraseKey(passphrase, record.wallet)],
    [() => vault.openBackup(backup, passphrase)],
    [() => vault.openBackup(backup, `${passphrase}!`), 'wrong_passphrase'],
  ];
  for (const [call, code, least = 1] of cases) {
    const count = await secretsOf(() => (code ? refused(call(), code) : call()));
    assert.ok(count >= least, String(call));
  }
});

test('given secrets are wiped, also where nothing comes of them', async () => {
  const key = await userKey();
  const given = () => crypto.getRandomValues(new Uint8Array(32));
  const isWiped = (data) => data.every((byte) => byte === 0);
  for (const template of [Uint8Array.of(1), new Uint8Array()]) {
    for (const wallet of [record.wallet, 'nobody']) {
      const fresh = { dataKey: given(), ephemeral: given(), nonce: new Uint8Array(12) };
      const how = [template, key.publicKey, { ...record, wallet }, vault.CUSTODY.user];
      await vault.sealWith(fresh, ...how).catch(() => {});
      assert.ok(isWiped(fresh.dataKey) && isWiped(fresh.ephemeral));
    }
  }
  for (const expiresMs of [1, -1]) {
    for (const sealed of [envelope, new Uint8Array()]) {
      const ephemeral = given();
      await vault.rewrapWith(ephemeral, sealed, record, key, camera, expiresMs).catch(() => {});
      assert.ok(isWiped(ephemeral));
    }
  }
});
