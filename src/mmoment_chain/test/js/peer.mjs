// The browser's part, for tests in Python: one request as JSON on stdin, the answer on stdout.

import { readFileSync } from 'node:fs';

const vault = await import(`${process.env.MMOMENT_WEB}/vault.js`);
const siws = await import(`${process.env.MMOMENT_WEB}/siws.js`);
const { testWallet } = await import(`${process.env.MMOMENT_WEB}/test-wallet.js`);
const bytes = (text) => vault.fromBase64(text);
const text = (data) => vault.toBase64(data);

function recordOf({ wallet, model_id: modelId, record_id: recordId }) {
  return { wallet, modelId, recordId };
}

function cameraOf({ camera_id: cameraId, public_key: publicKey }) {
  return { cameraId, publicKey: bytes(publicKey) };
}

// A hardware wallet: it signs transactions alone. The message follows the place of one signature.
function hardwareWallet(wallet) {
  const sign = wallet.features['solana:signMessage'].signMessage;
  const signTransaction = async ({ transaction }) => {
    const [{ signature }] = await sign({ message: transaction.slice(65) });
    return [{ signedTransaction: Uint8Array.of(1, ...signature, ...transaction.slice(65)) }];
  };
  return { ...wallet, features: { 'solana:signTransaction': { signTransaction } } };
}

const actions = {
  // What a person's browser does at a visit: key of their wallet, their template, a wrapped key.
  async visit({ seed, envelope, record, camera, expires_ms: expiresMs }) {
    const wallet = await testWallet(bytes(seed));
    const account = await siws.connect(wallet);
    const key = await vault.keyFromWallet(siws.messageSigner(wallet, account), account.address);
    const answer = { wallet: account.address, public_key: text(key.publicKey) };
    if (envelope === undefined) return answer;
    const sealed = bytes(envelope);
    const template = await vault.openOwn(sealed, recordOf(record), key);
    const wrapped = await vault.rewrap(sealed, recordOf(record), key, cameraOf(camera), expiresMs);
    return { ...answer, template: text(template), wrapped_key: text(wrapped) };
  },
  async seal({ template, recipient, record, custody }) {
    const how = [bytes(recipient), recordOf(record), vault.CUSTODY[custody]];
    return { envelope: text(await vault.seal(bytes(template), ...how)) };
  },
  async new_key({ passphrase, wallet }) {
    const { key, backup } = await vault.newPassphraseKey(passphrase, wallet);
    return { public_key: text(key.publicKey), backup };
  },
  async open_backup({ backup, passphrase }) {
    const { wallet, key } = await vault.openBackup(backup, passphrase);
    return { wallet, public_key: text(key.publicKey) };
  },
  // What the page has people agree to, by custody.
  async consents() {
    return (await import(`${process.env.MMOMENT_WEB}/consent.js`)).CONSENTS;
  },
  async sign_in({ seed, domain, challenge, hardware }) {
    const full = await testWallet(bytes(seed));
    const account = await siws.connect(full);
    const wallet = hardware ? hardwareWallet(full) : full;
    return siws.signIn(wallet, account, challenge, { domain });
  },
};

const { action, ...request } = JSON.parse(readFileSync(0, 'utf8'));
try {
  console.log(JSON.stringify(await actions[action](request)));
} catch (error) {
  if (error.code === undefined) throw error;
  console.log(JSON.stringify({ refused: error.code }));
}
