// Checking in with a wallet: on the page for it, and in the card of the main page.

import { $, call, post, setText, state, unlessStopped } from './page-common.js';
import { demoWallet, isForTrying } from './demo-wallet.js';
import { get, put } from './device-store.js';
import { fetchTemplate, keyForVisit, keyOf, knownTemplate } from './page-vault.js';
import { connect, signIn, watchWallets } from './siws.js';

const DEMO = 'demo';
const NO_DEMO = 'This browser makes no keys of the kind that wallets have (Ed25519), so it has no demo '
  + 'key. Take the extension of a wallet, or a newer browser.';
const wallets = new Map();
let hasDemo = true;

function say(text, tone = 'bad') {
  $('check-in-message').dataset.tone = tone;
  setText($('check-in-message'), text);
}

// To whoever has checked out here: what the camera said, told once. Elsewhere, the page that comes
// next tells it.
const FAREWELL = 'farewell';

export function bidFarewell(text, { here }) {
  if (here) say(text, 'ok');
  else sessionStorage.setItem(FAREWELL, text);
}

// What the camera ties to something on the chain, and this session has not got; told at check-in only.
const WITHHELD = 'withheld';

export function withheldFrom({ id, rights }) {
  const known = JSON.parse(sessionStorage.getItem(WITHHELD));
  if (known?.id !== id) return [];
  return known.withheld.filter(({ right }) => !rights.includes(right));
}

function tellFarewell() {
  const text = sessionStorage.getItem(FAREWELL);
  sessionStorage.removeItem(FAREWELL);
  if (text) say(text, 'ok');
}

function offer(id, label) {
  const option = document.createElement('option');
  option.value = id;
  option.textContent = label;
  $('wallet-choice').append(option);
  // Later ones may come while somebody checks in.
  if ($('wallet-choice').options.length === 1) $('check-in-button').disabled = false;
  showHint();
}

async function offerDemo() {
  if (!await isForTrying()) return;
  try {
    await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']);
    offer(DEMO, 'Demo key of this browser');
  } catch {
    hasDemo = false;
    setText($('demo-hint'), NO_DEMO);
    showHint();
  }
}

function showHint() {
  $('demo-hint').hidden = hasDemo && $('wallet-choice').value !== DEMO;
  $('by-transaction').hidden = $('wallet-choice').value === DEMO;
}

// Whoever is checked in, with what signs for them in this browser.
export async function walletOf(address) {
  const last = await get('demo', 'last');
  if (last?.address !== address) return null;
  const wallet = last.id === DEMO ? await demoWallet() : wallets.get(last.id);
  if (!wallet) return null;
  const account = await connect(wallet);
  return account.address === address ? { wallet, account } : null;
}

// What opens a session, once the wallet has signed.
async function signedWish(wallet, account, { name = '', byTransaction = false, signal } = {}) {
  const { address } = account;
  const question = new URLSearchParams({ wallet_address: address, memo: byTransaction ? '1' : '0' });
  const challenge = await call(`/api/session/challenge?${question}`);
  const signed = await unlessStopped(signIn(wallet, account, challenge, { byTransaction }), signal);
  const wrapped = await keyForVisit(address, challenge.issued_at);
  return { ...signed, display_name: name || null, wrapped_key: wrapped, cookie: true };
}

// The token of the session stays in a cookie that no script reads; the session that the cookie had
// before ends with it.
async function open(wish) {
  state.isOpening = true;
  try {
    const session = await post('/api/session/connect', wish);
    sessionStorage.setItem(WITHHELD, JSON.stringify({ id: session.id, withheld: session.withheld }));
    return session;
  } finally {
    state.isOpening = false;
  }
}

// Whoever declines to sign stays checked in as they are.
export async function checkInAgain(wallet, account, options) {
  return open(await signedWish(wallet, account, options));
}

// In a browser that knows nothing of the template, or an older one, the first check-in fetches it,
// and a second one hands over its key. Who does not sign twice is checked in all the same.
export async function checkIn(wallet, account, options) {
  const before = await knownTemplate(account.address);
  const session = await open(await signedWish(wallet, account, options));
  const now = await fetchTemplate(account.address).catch(() => null);
  if (!now || isSame(before, now) || !(await keyOf(account.address))) return session;
  const wish = await signedWish(wallet, account, options).catch(() => null);
  return wish ? open(wish).catch(() => session) : session;
}

function isSame(before, now) {
  return ['record_id', 'camera_id', 'camera_key'].every((name) => before?.[name] === now[name]);
}

async function submit(event, done) {
  event.preventDefault();
  const id = $('wallet-choice').value;
  $('check-in-button').disabled = true;
  say('Waiting for the wallet…', 'ok');
  try {
    const wallet = id === DEMO ? await demoWallet() : wallets.get(id);
    const account = await connect(wallet);
    await put('demo', 'last', { id, address: account.address });
    const name = $('display-name').value.trim();
    const session = await checkIn(wallet, account, { name, byTransaction: $('memo-switch').checked });
    say('', 'ok');
    done(session);
  } catch (error) {
    say(error.message);
  } finally {
    $('check-in-button').disabled = false;
  }
}

export function startCheckIn(done) {
  tellFarewell();
  $('check-in-button').disabled = true;
  if (!globalThis.isSecureContext) {
    const port = location.port ? `:${location.port}` : '';
    say(`Browsers give pages of http://${location.hostname} no wallets and no keys. Open this camera by `
      + `https://, or on the camera itself by http://localhost${port}.`);
    return;
  }
  watchWallets((wallet) => {
    const id = `wallet ${wallet.name}`;
    if (!wallets.has(id)) offer(id, wallet.name);
    wallets.set(id, wallet);
  });
  offerDemo();
  $('wallet-choice').addEventListener('change', showHint);
  $('wallet-form').addEventListener('submit', (event) => submit(event, done));
}

// On the page of its own, this is all there is.
if (document.querySelector('main.note')) startCheckIn(() => location.assign('/test-page'));
