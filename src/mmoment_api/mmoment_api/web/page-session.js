// The card of whoever is checked in: rights, expiry, renewal, being recognised, being forgotten.

import { bidFarewell, checkIn, startCheckIn, walletOf } from './check-in.js';
import { CONSENTS } from './consent.js';
import {
  $, askTwice, element, log, post, setText, shortName, showWhatIsMine, state, words,
} from './page-common.js';
import { runEnrolment } from './page-people.js';
import {
  cameraKey, custodyOf, fetchTemplate, forgetAll, keep, keyOf, makePassphraseKey, makeWalletKey,
  restoreKey, saveBackupAgain,
} from './page-vault.js';
import { messageSigner } from './siws.js';
import { isSupported, toBase64 } from './vault.js';

const MINUTE_MS = 60_000;

function say(text, tone = 'bad') {
  $('session-message').dataset.tone = tone;
  setText($('session-message'), text);
}

// The session in which this page had the face learnt: from then on it is known.
let learntIn = '';

// Runs one thing at a time that a person asked for; what went wrong is said.
let isBusy = false;
async function run(work) {
  if (isBusy) return;
  isBusy = true;
  say('');
  try {
    await work();
  } catch (error) {
    say(error.message);
  } finally {
    isBusy = false;
  }
}

/* --- who is checked in --------------------------------------------------------------------- */

export async function showSession() {
  await showWhatIsMine();
  const { session } = state.me;
  $('wallet-form').hidden = Boolean(session);
  $('session').hidden = !session;
  setText($('session-title'), session ? 'Checked in' : 'Check in');
  if (!session) return;
  const { wallet_address: wallet } = session;
  setText($('session-name'), session.display_name || shortName(wallet));
  setText($('session-wallet'), session.display_name ? shortName(wallet) : '');
  $('session-wallet').title = wallet;
  $('session-rights').replaceChildren(...session.rights.map((right) => element('span', 'right', right)));
  showExpiry();
  await showTemplate();
}

function showExpiry() {
  const session = state.me?.session;
  if (!session) return;
  const minutes = Math.max(0, Math.round((session.expires_at - Date.now()) / MINUTE_MS));
  const left = minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
  const until = new Date(session.expires_at).toTimeString().slice(0, 5);
  setText($('session-expiry'), `Until ${until}, in ${left}. Ends earlier when you are away for long.`);
}

async function showTemplate() {
  const { session } = state.me;
  const template = await fetchTemplate(session.wallet_address);
  const own = await custodyOf(session.wallet_address);
  const isCameras = template?.custody === 'camera';
  $('custody').hidden = Boolean(own);
  $('passphrase-row').hidden = Boolean(own) || chosenCustody() !== 'passphrase';
  $('passphrase').disabled = $('passphrase-row').hidden;
  $('key-restore').hidden = Boolean(own) || template?.custody !== 'user';
  $('backup-save').hidden = own !== 'passphrase';
  showConsent(own ?? chosenCustody());
  let text = 'The camera keeps no template of your face.';
  if (session.face_known || learntIn === session.id) text = 'The camera recognises you until you check out.';
  else if (isCameras) text = 'The camera keeps your template and its key. Check in again to be recognised.';
  else if (template && own) text = 'Your sealed template is kept here. Check in again to be recognised.';
  else if (template) text = 'Your sealed template is kept here, but this browser lacks the key to it.';
  setText($('template-state'), text);
}

export function takeSession(event) {
  const who = event.identity ? shortName(event.identity) : 'Somebody';
  const why = event.reason && event.reason !== event.change ? ` (${words(event.reason)})` : '';
  log(`${who}: ${words(event.change)}${why}`);
  const mine = state.me?.session;
  if (!mine || event.session !== mine.id) return;
  if (['renewed', 'rights_changed'].includes(event.change)) showSession().catch(() => {});
}

async function leave(farewell = '') {
  // Without the owner's link, nothing on this page is left to be seen.
  const { link } = state.me;
  if (link) await showSession();
  bidFarewell(farewell, { here: link });
  if (!link) location.assign('/check-in');
}

/* --- being recognised ---------------------------------------------------------------------- */

function chosenCustody() {
  return document.querySelector('[name="custody"]:checked').value;
}

// The key to seal to: that of this browser, that of the camera, or a new one.
async function keyFor(wallet, custody) {
  const known = await keyOf(wallet);
  if (known) return known;
  if (custody === 'camera') return cameraKey();
  if (!(await isSupported())) throw new Error('This browser cannot make the key that is needed');
  if (custody === 'passphrase') return makePassphraseKey($('passphrase').value, wallet);
  const signer = await walletOf(wallet);
  if (!signer) throw new Error('The wallet you checked in with is not in this browser');
  return makeWalletKey(messageSigner(signer.wallet, signer.account), wallet);
}

async function enrol() {
  const wallet = state.me.session.wallet_address;
  const custody = (await custodyOf(wallet)) ?? chosenCustody();
  const key = await keyFor(wallet, custody);
  $('passphrase').value = '';
  say('Look into the camera', 'ok');
  const { version } = CONSENTS[custody];
  const enrolled = await runEnrolment({
    wallet_address: wallet,
    owner_key: toBase64(key.publicKey),
    consent_version: version,
  });
  if (!enrolled.envelope) throw new Error('The camera made no sealed template');
  await keep(wallet, enrolled, custody, version);
  learntIn = state.me.session.id;
  await showSession();
  say('Your face is known, and the sealed template is kept', 'ok');
}

// With the key and the template in this browser, a check-in hands the camera what it needs.
async function recogniseAgain() {
  const { wallet_address: wallet, display_name: name } = state.me.session;
  const signer = await walletOf(wallet);
  if (!signer) throw new Error('Check out, and in again, to be recognised');
  await post('/api/session/disconnect', {});
  await checkIn(signer.wallet, signer.account, { name: name || '' });
  location.reload();
}

async function restore(file) {
  const wallet = await restoreKey(await file.text(), $('passphrase').value);
  $('passphrase').value = '';
  if (wallet !== state.me.session.wallet_address) {
    throw new Error(`The backup is of ${shortName(wallet)}: check in with that wallet to use it`);
  }
  await recogniseAgain();
}

async function forgetMe() {
  const wallet = state.me.session.wallet_address;
  const { message } = await post('/api/person/forget', { confirm_media: false });
  await forgetAll(wallet);
  await leave(message);
}

/* --- start --------------------------------------------------------------------------------- */

// Another text takes another consent.
function showConsent(custody) {
  const { version, text } = CONSENTS[custody];
  if ($('consent-version').textContent === version) return;
  $('consent-switch').checked = false;
  $('consent-text').replaceChildren(...text.map((line) => element('li', '', line)));
  setText($('consent-version'), version);
  setText($('consent-version-again'), version);
}

export function startSession() {
  showConsent(chosenCustody());
  startCheckIn(() => location.reload());
  setInterval(showExpiry, MINUTE_MS / 4);
  $('session-renew').addEventListener('click', () => run(async () => {
    await post('/api/session/renew', {});
    await showSession();
    say('Renewed', 'ok');
  }));
  $('check-out-button').addEventListener('click', () => run(async () => {
    await post('/api/session/disconnect', {});
    await leave();
  }));
  for (const input of document.querySelectorAll('[name="custody"]')) {
    input.addEventListener('change', () => run(showTemplate));
  }
  $('consent-form').addEventListener('submit', (event) => {
    event.preventDefault();
    run(enrol);
  });
  $('key-restore').addEventListener('click', () => run(async () => {
    await keyFor(state.me.session.wallet_address, 'user');
    await recogniseAgain();
  }));
  $('backup-file').addEventListener('change', ({ target }) => run(async () => {
    if (target.files.length) await restore(target.files[0]);
    target.value = '';
  }));
  $('backup-save').addEventListener('click', () => run(async () => {
    await saveBackupAgain(state.me.session.wallet_address);
  }));
  askTwice($('forget-me'), () => run(forgetMe));
}
