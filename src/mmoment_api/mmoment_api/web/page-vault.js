// The key of a person's template: made or restored here, used to seal at enrolment and to hand the
// camera the key for one visit. It never leaves this browser, except in a backup behind a passphrase.

import { call, send } from './page-common.js';
import { get, put, remove } from './device-store.js';
import {
  fromBase64, keyFromWallet, newPassphraseKey, openBackup, openOwn, rewrap, toBase64, wipe,
} from './vault.js';

// As long as a session is, by default. The camera takes no key for longer than a day.
const VISIT_MS = 12 * 3600 * 1000;
const CAMERA = location.host;
const ANOTHER_KEY = 'Your face on the chain is sealed to another key than the one of this browser';

// Templates of other cameras at the same host have other ports, so the host tells them apart.
const nameOf = (wallet) => `${CAMERA} ${wallet}`;

export async function keyOf(wallet) {
  return (await get('keys', wallet))?.key;
}

// By two signatures of the wallet; the same wallet makes the same key in every browser.
export async function makeWalletKey(sign, wallet) {
  const key = await keyFromWallet(sign, wallet);
  await put('keys', wallet, { key, custody: 'user' });
  return key;
}

// For wallets that sign differently each time. The backup is saved before anything is sealed.
export async function makePassphraseKey(passphrase, wallet) {
  const { key, backup } = await newPassphraseKey(passphrase, wallet);
  saveFile(`mmoment-key-${wallet.slice(0, 4)}.json`, backup);
  await put('keys', wallet, { key, backup, custody: 'passphrase' });
  return key;
}

// Returns the wallet that the backup is of.
export async function restoreKey(text, passphrase) {
  const { wallet, key } = await openBackup(text, passphrase);
  await put('keys', wallet, { key, backup: text, custody: 'passphrase' });
  return wallet;
}

export async function saveBackupAgain(wallet) {
  const { backup } = await get('keys', wallet);
  saveFile(`mmoment-key-${wallet.slice(0, 4)}.json`, backup);
}

// enrolled: the camera's answer to an enrolment with this person's public key.
export async function keep(wallet, enrolled, custody, consentVersion) {
  await send('PUT', '/api/face/template', {
    record_id: enrolled.record_id,
    model_id: enrolled.model,
    envelope: enrolled.envelope,
    custody,
    consent_version: consentVersion,
  });
  return fetchTemplate(wallet);
}

// Has the camera keep the sealed face that this person has on the chain.
export async function keepFromChain(wallet, custody, consentVersion) {
  const face = await call('/api/chain/face');
  const record = { wallet, modelId: face.model_id, recordId: face.record_id };
  try {
    wipe(await openOwn(fromBase64(face.envelope), record, await keyOf(wallet)));
  } catch {
    throw new Error(ANOTHER_KEY);
  }
  return keep(wallet, { ...face, model: face.model_id }, custody, consentVersion);
}

// Whose key it is that this browser has for a person: user or passphrase; undefined: it has none.
export async function custodyOf(wallet) {
  return (await get('keys', wallet))?.custody;
}

// To seal to, for who wants the camera to be the keeper.
export async function cameraKey() {
  const told = await call('/api/face/template').catch((error) => error.answer);
  return { publicKey: fromBase64(told.camera_key) };
}

// What the camera keeps, remembered for the next check-in; null: nothing.
export async function fetchTemplate(wallet) {
  try {
    const template = await call('/api/face/template');
    await put('templates', nameOf(wallet), template);
    return template;
  } catch (error) {
    if (error.answer?.error !== 'no_template') throw error;
    await remove('templates', nameOf(wallet));
    return null;
  }
}

// What this browser remembers of it.
export function knownTemplate(wallet) {
  return get('templates', nameOf(wallet));
}

// The key of the template for one visit at this camera, as base64; empty: none can be handed over.
export async function keyForVisit(wallet, nowMs) {
  const template = await knownTemplate(wallet);
  const key = await keyOf(wallet);
  if (!template || !key || template.custody === 'camera') return '';
  const record = { wallet, modelId: template.model_id, recordId: template.record_id };
  const camera = { cameraId: template.camera_id, publicKey: fromBase64(template.camera_key) };
  const envelope = fromBase64(template.envelope);
  try {
    return toBase64(await rewrap(envelope, record, key, camera, nowMs + VISIT_MS));
  } catch {
    // Sealed to another key of this person. They are checked in all the same, and told.
    return '';
  }
}

export async function forgetAll(wallet) {
  await remove('templates', nameOf(wallet));
  await remove('keys', wallet);
}

function saveFile(name, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
