// Run by a page in a real browser: vault.js and siws.js held to the test vectors, then the outcome
// is sent back.

import * as siws from './siws.js';
import { testWallet } from './test-wallet.js';
import * as vault from './vault.js';

const bytes = (text) => vault.fromBase64(text);
const text = (data) => vault.toBase64(data);

async function refusal(promise) {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return error.code ?? String(error);
  }
}

async function checks(vectors) {
  const { wallet, model_id: modelId, record_id: recordId } = vectors.record;
  const record = { wallet, modelId, recordId };
  const key = await vault.keyFromWallet(async () => bytes(vectors.user.signature), wallet);
  const same = { 'key of the wallet': text(key.publicKey) === vectors.user.public_key };
  for (const vector of vectors.envelopes) {
    const fresh = {
      dataKey: bytes(vector.data_key),
      ephemeral: bytes(vector.ephemeral),
      nonce: bytes(vector.nonce),
    };
    const how = [bytes(vector.recipient), record, vault.CUSTODY[vector.custody]];
    const sealed = await vault.sealWith(fresh, bytes(vector.template), ...how);
    same[`envelope: ${vector.name}`] = text(sealed) === vector.envelope;
  }
  const envelope = bytes(vectors.envelopes[0].envelope);
  const opened = await vault.openOwn(envelope, record, key);
  same.template = text(opened) === vectors.envelopes[0].template;
  const publicKey = bytes(vectors.camera.public_key);
  const camera = { cameraId: vectors.camera.camera_id, publicKey };
  for (const { ephemeral, expires_ms: expiresMs, wrapped_key: expected } of vectors.wrapped_keys) {
    const how = [envelope, record, key, camera, expiresMs];
    const wrapped = await vault.rewrapWith(bytes(ephemeral), ...how);
    same[`wrapped key until ${expiresMs}`] = text(wrapped) === expected;
  }
  for (const small of vectors.small_order_keys) {
    const code = await refusal(vault.seal(Uint8Array.of(1), bytes(small), record));
    same[`small order ${small}: ${code}`] = code === 'bad_key';
  }
  envelope[200] ^= 1;
  const code = await refusal(vault.openOwn(envelope, record, key));
  same[`damaged: ${code}`] = code === 'bad_envelope';
  const { backup, passphrase } = vectors.backup;
  const restored = await vault.openBackup(backup, passphrase);
  same.backup = text(restored.key.publicKey) === vectors.user.public_key;
  return same;
}

// A wallet found as a browser's wallets are, and signing in at this very page.
async function signedIn() {
  const made = await testWallet();
  const announce = ({ detail }) => detail.register(made);
  window.addEventListener('wallet-standard:app-ready', announce);
  const wallet = await new Promise((found) => siws.watchWallets(found));
  const account = await siws.connect(wallet);
  const fields = { domain: location.host, address: account.address, uri: location.origin };
  const message = siws.buildText({ ...fields, version: '1', nonce: '0123456789' });
  const signed = await siws.signIn(wallet, account, { message });
  const key = await vault.keyFromWallet(siws.messageSigner(wallet, account), account.address);
  return { ...signed, public_key: text(key.publicKey) };
}

async function outcome() {
  const vectors = await (await fetch('vault.json')).json();
  return {
    supported: await vault.isSupported(),
    same: await checks(vectors),
    signed: await signedIn(),
  };
}

const sent = await outcome().catch((error) => ({ error: String(error?.stack ?? error) }));
await fetch('outcome', { method: 'POST', body: JSON.stringify(sent) });
