// The card of whoever is checked in: rights, expiry, renewal, being recognised, being forgotten.

import { bidFarewell, checkInAgain, startCheckIn, walletOf, withheldFrom } from './check-in.js';
import { CONSENTS } from './consent.js';
import {
  $, askTwice, element, log, post, setText, shortName, showWhatIsMine, state, unlessStopped, words,
} from './page-common.js';
import { runEnrolment } from './page-people.js';
import {
  cameraKey, custodyOf, fetchTemplate, forgetAll, keep, keepFromChain, keyOf, makePassphraseKey,
  makeWalletKey, restoreKey, saveBackupAgain,
} from './page-vault.js';
import { messageSigner } from './siws.js';
import { isSupported, toBase64 } from './vault.js';

const MINUTE_MS = 60_000;
// How long who leaves waits for what they have stopped.
const PATIENCE_MS = 3000;
const NOT_FORGOTTEN = 'Your session was over before the camera could forget you: check in and ask again';
const TAKE_TURNS = [
  'session-renew', 'consent-enrol', 'face-fetch', 'key-restore', 'backup-file', 'backup-save',
];
const STOP_THE_OTHERS = ['check-out-button', 'forget-me'];

function say(text, tone = 'bad') {
  $('session-message').dataset.tone = tone;
  setText($('session-message'), text);
}

// The session in which this page had the face learnt: from then on it is known.
let learntIn = '';

/* --- one thing at a time ------------------------------------------------------------------- */

let current = null;
let isLeaving = false;
let focused = null;

function showBusy() {
  const before = document.activeElement;
  for (const id of TAKE_TURNS) $(id).disabled = Boolean(current);
  for (const id of STOP_THE_OTHERS) $(id).disabled = isLeaving;
  // A button that is switched off loses the focus, and gets it back.
  if (before?.disabled) focused = before;
  if (!focused || focused.disabled) return;
  if (document.activeElement === document.body) focused.focus();
  focused = null;
}

// Does what a person asked for, with a signal that tells it to stop, and who is checked in: that may
// be over before it is done. What went wrong is said.
async function run(work, me = state.me) {
  if (current || !me?.session) return;
  const mine = new AbortController();
  current = { stop: mine, ended: attempt(work, mine.signal, me) };
  showBusy();
  await current.ended;
  if (current?.stop !== mine) return;
  current = null;
  showBusy();
}

async function attempt(work, signal, me) {
  say('');
  try {
    await work(signal, me);
  } catch (error) {
    if (!signal.aborted) say(error.message);
  }
}

// Whoever leaves does not wait for what else they asked for.
async function stopAndRun(work) {
  if (isLeaving) return;
  const { me } = state;
  isLeaving = true;
  showBusy();
  if (current) {
    say('Please wait', 'ok');
    current.stop.abort();
    await Promise.race([current.ended, new Promise((done) => { setTimeout(done, PATIENCE_MS); })]);
    current = null;
  }
  await run(work, me);
  isLeaving = false;
  showBusy();
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
  const withheld = withheldFrom(session).map(({ right, because }) => {
    return element('li', '', `Not yours here: ${right}. ${because}`);
  });
  $('session-withheld').replaceChildren(...withheld);
  showExpiry();
  try {
    await showTemplate();
  } catch (error) {
    if (error.isSignedOut) throw error;
    setText($('template-state'), error.message);
  }
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
  const own = await showOwnCustody(session.wallet_address);
  const template = await fetchTemplate(session.wallet_address);
  const isCameras = template?.custody === 'camera';
  $('key-restore').hidden = Boolean(own) || template?.custody !== 'user';
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

// Has the camera end the session; what it says of that is told where the person is next. Before it
// answers, it may be known from elsewhere that the session is over.
async function leave(ask, { link, session }) {
  const farewell = await ask(session);
  // Without the owner's link, nothing on this page is left to be seen.
  if (link) await showSession();
  bidFarewell(farewell, { here: link });
  if (!link) location.assign('/check-in');
}

/* --- being recognised ---------------------------------------------------------------------- */

// Of the key in this browser, as far as it is known; undefined: there is none.
let ownCustody;

function custodyNow() {
  return ownCustody ?? document.querySelector('[name="custody"]:checked').value;
}

// A key that this browser has is the one that is taken.
async function showOwnCustody(wallet) {
  ownCustody = await custodyOf(wallet);
  showCustody();
  return ownCustody;
}

// At once with every choice: whoever reads and ticks must have the text of what they chose.
function showCustody() {
  $('custody').hidden = Boolean(ownCustody);
  $('passphrase-row').hidden = Boolean(ownCustody) || custodyNow() !== 'passphrase';
  $('passphrase').disabled = $('passphrase-row').hidden;
  $('backup-save').hidden = ownCustody !== 'passphrase';
  showConsent(custodyNow());
}

// Another text takes another consent.
function showConsent(custody) {
  const { version, text } = CONSENTS[custody];
  if ($('consent-version').textContent === version) return;
  $('consent-switch').checked = false;
  $('consent-text').replaceChildren(...text.map((line) => element('li', '', line)));
  setText($('consent-version'), version);
  setText($('consent-version-again'), version);
}

// The key to seal to: that of this browser, that of the camera, or a new one.
async function keyFor(wallet, custody, signal) {
  const known = await keyOf(wallet);
  if (known) return known;
  if (custody === 'camera') return cameraKey();
  if (!(await isSupported())) throw new Error('This browser cannot make the key that is needed');
  if (custody === 'passphrase') return makePassphraseKey($('passphrase').value, wallet);
  const signer = await unlessStopped(walletOf(wallet), signal);
  if (!signer) throw new Error('The wallet you checked in with is not in this browser');
  const sign = messageSigner(signer.wallet, signer.account);
  return makeWalletKey((bytes) => unlessStopped(sign(bytes), signal), wallet);
}

// The version that was shown and ticked is what is recorded, whatever is chosen meanwhile.
async function agreed(wallet) {
  const version = $('consent-version').textContent;
  const chosen = custodyNow();
  const custody = (await showOwnCustody(wallet)) ?? chosen;
  if (CONSENTS[custody].version !== version) {
    throw new Error('Another text is shown now: read it, and agree to it first');
  }
  return { custody, version };
}

async function enrol(signal, { session }) {
  const { wallet_address: wallet } = session;
  const { custody, version } = await agreed(wallet);
  const key = await keyFor(wallet, custody, signal);
  await showOwnCustody(wallet);
  $('passphrase').value = '';
  say('Look into the camera', 'ok');
  const enrolled = await runEnrolment({
    wallet_address: wallet,
    owner_key: toBase64(key.publicKey),
    consent_version: version,
  }, signal);
  if (!enrolled.envelope) throw new Error('The camera made no sealed template');
  signal.throwIfAborted();
  await keep(wallet, enrolled, custody, version);
  signal.throwIfAborted();
  learntIn = session.id;
  await showSession();
  say('Your face is known, and the sealed template is kept', 'ok');
}

// With the key and the template in this browser, a check-in hands the camera what it needs.
async function recogniseAgain(signal, { wallet_address: wallet, display_name: name }) {
  const signer = await unlessStopped(walletOf(wallet), signal);
  if (!signer) throw new Error('Check out, and in again, to be recognised');
  await fetchTemplate(wallet);
  try {
    await checkInAgain(signer.wallet, signer.account, { name: name || '', signal });
  } catch (error) {
    // Says so if nobody is checked in any more.
    if (!signal.aborted) await showSession();
    throw error;
  }
  signal.throwIfAborted();
  location.reload();
}

// Where this camera keeps no template, it gets the one that the person put on the chain elsewhere.
async function takeFromChain(signal, session) {
  const { wallet_address: wallet } = session;
  const { custody, version } = await agreed(wallet);
  if (custody === 'camera') {
    throw new Error('Your face on the chain is sealed to a key of yours: choose that');
  }
  // A new one would open nothing.
  if (custody === 'passphrase' && !ownCustody) throw new Error('Restore the backup of your key first');
  await keyFor(wallet, custody, signal);
  await showOwnCustody(wallet);
  signal.throwIfAborted();
  await keepFromChain(wallet, custody, version);
  await recogniseAgain(signal, session);
}

async function restore(file, signal, session) {
  const wallet = await restoreKey(await file.text(), $('passphrase').value);
  $('passphrase').value = '';
  if (wallet !== session.wallet_address) {
    throw new Error(`The backup is of ${shortName(wallet)}: check in with that wallet to use it`);
  }
  await recogniseAgain(signal, session);
}

async function checkOut() {
  // Whose session is over already has left.
  await post('/api/session/disconnect', {}).catch((error) => { if (!error.isSignedOut) throw error; });
  return '';
}

async function forgetMe({ wallet_address: wallet }) {
  try {
    const { message } = await post('/api/person/forget', { confirm_media: $('forget-media').checked });
    await forgetAll(wallet);
    return message;
  } catch (error) {
    if (error.isSignedOut) return NOT_FORGOTTEN;
    throw error;
  }
}

/* --- start --------------------------------------------------------------------------------- */

export function startSession() {
  showCustody();
  startCheckIn(() => location.reload());
  setInterval(showExpiry, MINUTE_MS / 4);
  $('session-renew').addEventListener('click', () => run(async () => {
    await post('/api/session/renew', {});
    await showSession();
    say('Renewed', 'ok');
  }));
  $('check-out-button').addEventListener('click', () => stopAndRun((_, me) => leave(checkOut, me)));
  for (const input of document.querySelectorAll('[name="custody"]')) {
    input.addEventListener('change', showCustody);
  }
  $('consent-form').addEventListener('submit', (event) => {
    event.preventDefault();
    run(enrol);
  });
  $('face-fetch').addEventListener('click', () => {
    if (!$('consent-form').reportValidity()) return;
    run((signal, { session }) => takeFromChain(signal, session));
  });
  $('key-restore').addEventListener('click', () => run(async (signal, { session }) => {
    await keyFor(session.wallet_address, 'user', signal);
    await recogniseAgain(signal, session);
  }));
  $('backup-file').addEventListener('change', ({ target }) => run(async (signal, { session }) => {
    if (target.files.length) await restore(target.files[0], signal, session);
    target.value = '';
  }));
  $('backup-save').addEventListener('click', () => run(async (_, { session }) => {
    await saveBackupAgain(session.wallet_address);
  }));
  askTwice($('forget-me'), () => stopAndRun((_, me) => leave(forgetMe, me)));
}
