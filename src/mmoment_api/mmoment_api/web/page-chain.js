// The card of the chain: whether the camera is there, what is told of it, one's own face.

import {
  $, call, element, isOwner, log, may, post, setText, shortName, state,
} from './page-common.js';
import { carryOut, offerSigners, ownSigner, signerOf } from './page-chain-wallet.js';
import { isSettled, mintsOf } from './unfinished-mints.js';

const LAMPORTS = 1_000_000_000;
const DETAIL_MS = 5000;
const STATES = {
  live: 'ok', connecting: 'starting', waiting_to_retry: 'degraded', failed: 'error', silent: 'silent',
};
const PUT_THERE = 'Your sealed face is on the chain';
const BURNT = 'Your face is off the chain';
const DROPPED = 'What was begun is off the chain';
const NOT_DECIDED = 'The chain does not have it, but may still take it: try again in ten minutes';
const NOT_SEEN = 'The chain has confirmed it, but whom the camera asked does not know it yet: '
  + 'try again in ten minutes';
const NOT_THERE = 'The chain does not have it, so nothing is locked there';
const LABELS = { live: 'connected', waiting_to_retry: 'trying again', silent: 'not running' };
const BUTTONS = [
  'chain-register', 'chain-group', 'visit-tell', 'face-mint', 'face-finish', 'face-drop', 'face-burn',
];

let chain = null;
let isBusy = false;
let answerReview = null;

function say(text, tone = 'bad') {
  $('chain-message').dataset.tone = tone;
  setText($('chain-message'), text);
}

function sol(lamports) {
  return `${(lamports / LAMPORTS).toLocaleString('en', { maximumFractionDigits: 9 })} SOL`;
}

/* --- how it is ----------------------------------------------------------------------------- */

function showState() {
  const pill = $('chain-state');
  pill.dataset.state = STATES[chain.state] ?? 'starting';
  setText(pill, LABELS[chain.state] ?? chain.state);
  const on = chain.cluster ? ` on ${chain.cluster}` : '';
  let text = `This camera is not registered${on}.`;
  if (!chain.running) text = 'The part for the chain is not running.';
  else if (chain.registered) {
    const told = chain.mode === 'public' ? 'who checks in is public' : 'nobody is named there';
    text = `Registered${on}; ${told}.${chain.active ? '' : ' It takes no check-ins now.'}`;
  }
  setText($('chain-summary'), text);
  setText($('chain-address'), chain.camera_address ? `Account ${shortName(chain.camera_address)}` : '');
  $('chain-address').title = chain.camera_address ?? '';
  $('chain-register-form').hidden = !isOwner() || !chain.running || chain.registered;
  $('chain-group').hidden = !isOwner() || !chain.registered;
  showOwnFace();
}

function showDetail({ detail }) {
  const facts = [];
  if (detail) {
    facts.push(`${detail.log_there} of ${detail.log_here} records are on the chain`);
    if (detail.visits_waiting) facts.push(`${detail.visits_waiting} visits wait`);
    if (detail.held_back) facts.push(`held back: ${detail.held_back.replaceAll('_', ' ')}`);
    if (detail.balance !== null) {
      facts.push(`balance ${sol(detail.balance)}${detail.balance_is_low ? ', which is low' : ''}`);
    }
    facts.push(`spent today ${sol(detail.spent)}${detail.budget ? ` of ${sol(detail.budget)}` : ''}`);
    if (detail.last_error) facts.push(detail.last_error);
  }
  $('chain-facts').replaceChildren(...facts.map((fact) => element('li', '', fact)));
}

export async function showChain() {
  if (!state.me) return;
  $('chain').hidden = false;
  const answer = await call('/api/chain/status');
  chain = answer;
  showState();
  showDetail(answer);
  await askForFace();
}

export function takeChain(data) {
  const before = chain;
  chain = { ...chain, ...data };
  if (before && before.running !== data.running) {
    log(data.running ? 'The part for the chain is there' : 'The part for the chain is silent');
  }
  if (!before?.registered && data.registered && before?.running) log('The camera is registered');
  showState();
  // What was not known yet, or has changed while nobody was told of it.
  if (!before?.running && data.running) showChain().catch(() => {});
}

/* --- one's own face ------------------------------------------------------------------------ */

// Its NFT; null: there is none; undefined: not known.
let ownMint;

async function askForFace() {
  ownMint = undefined;
  if (state.me?.session && chain?.running) {
    const verdict = await post('/api/chain/nft/verify', { rule: 'face', fresh: true })
      .catch(() => null);
    if (verdict) ownMint = verdict.holds ? verdict.mint : null;
    // Finished, though the page did not hear of it.
    if (ownMint) mintsHere().drop(ownMint);
  }
  showOwnFace();
}

function mintsHere() {
  return mintsOf(state.me.session.wallet_address, chain.cluster);
}

function unfinishedOfMine() {
  return mintsHere().all().filter(({ mint }) => mint !== ownMint);
}

function showOwnFace() {
  const isThere = Boolean(state.me?.session) && Boolean(chain?.running);
  $('chain-face').hidden = !isThere;
  $('chain-visit').hidden = !isThere || !chain.registered || chain.mode !== 'public';
  let text = 'Whether your face is on the chain is not known now.';
  if (ownMint) text = `Your sealed face is on the chain, as ${shortName(ownMint)}. Only you can open it.`;
  else if (ownMint === null) text = 'Your face is not on the chain.';
  const [begun] = isThere ? unfinishedOfMine() : [];
  const mayFinish = Boolean(begun?.id) && !ownMint && may('enroll');
  if (begun) {
    const locked = begun.isThere ? 'what that locks' : 'what that locks, if the chain has taken that,';
    text += ` ${ownMint ? 'Another' : 'It'} was begun as ${shortName(begun.mint)} and never finished.`;
    if (mayFinish) text += ' You may finish it.';
    text += ` When you take off what was begun, ${locked} comes back.`;
  }
  setText($('face-state'), text);
  $('face-fetch').hidden = !ownMint;
  $('face-mint').hidden = ownMint !== null || !may('enroll');
  $('face-finish').hidden = !mayFinish;
  $('face-drop').hidden = !begun;
  $('face-burn').hidden = !ownMint;
}

/* --- build, read, sign --------------------------------------------------------------------- */

// Shows what was built; resolves to whether the person wants to sign it.
function review(built) {
  const lines = built.summary.map((line) => element('li', '', line));
  if (built.count > 1) {
    lines.unshift(element('li', 'quiet', `Step ${built.number} of ${built.count}`));
  }
  $('chain-review-lines').replaceChildren(...lines);
  const rent = built.rent ? `, and ${sol(built.rent)} that come back when it is closed` : '';
  setText($('chain-review-cost'), `Costs ${sol(built.fee)}${rent}`);
  $('chain-review').hidden = false;
  $('chain-sign').focus();
  return new Promise((resolve) => {
    answerReview = (isAgreed) => {
      answerReview = null;
      $('chain-review').hidden = true;
      resolve(isAgreed);
    };
  });
}

function setBusy(value) {
  isBusy = value;
  for (const id of BUTTONS) $(id).disabled = value;
}

// One at a time; what went wrong is said, and its code returned.
async function run(order, findSigner, told) {
  if (isBusy) return '';
  setBusy(true);
  try {
    const signer = await findSigner();
    const done = await carryOut(order, signer, chain.cluster, review, (text) => say(text, 'ok'));
    if (done) {
      log(`${told}: confirmed by the chain`);
      await showChain();
      say(`${told}. Confirmed by the chain as ${shortName(done.transaction_id)}`
        + `${done.accounts.length ? `, account ${shortName(done.accounts[0])}` : ''}`, 'ok');
      $('chain-message').title = [done.transaction_id, ...done.accounts].join(' ');
    } else {
      say('Nothing was signed', 'ok');
    }
    return '';
  } catch (error) {
    say(error.message);
    return error.answer?.error ?? '';
  } finally {
    showOwnFace();
    setBusy(false);
  }
}

// The owner signs with the wallet they are checked in with, or with one that they choose.
function ownersSigner() {
  const { session } = state.me;
  return session ? ownSigner(session.wallet_address) : signerOf($('chain-wallet').value);
}

function personsSigner() {
  return ownSigner(state.me.session.wallet_address);
}

// By its address: nothing else says that it is there.
async function drop() {
  const mints = mintsHere();
  const [begun] = unfinishedOfMine();
  const values = { mint: begun.mint };
  // Whoever has not got as far cannot say that it is not there.
  if (begun.slot) values.slot = String(begun.slot);
  const refused = await run({ kind: 'burn_face', values }, personsSigner, DROPPED);
  if (refused !== 'not_there') return;
  if (!isSettled(begun)) {
    say(begun.isThere ? NOT_SEEN : NOT_DECIDED);
    return;
  }
  // Never taken, burnt elsewhere, or on a chain that is no more.
  mints.drop(begun.mint);
  say(NOT_THERE, 'ok');
  showOwnFace();
}

function finish() {
  const [begun] = unfinishedOfMine();
  run({ kind: 'mint_face', begun }, personsSigner, PUT_THERE);
}

export function startChain() {
  offerSigners((id, name) => {
    const option = element('option', '', name);
    option.value = id;
    $('chain-wallet').append(option);
  });
  $('chain-register-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const values = { name: $('chain-name').value.trim(), mode: $('chain-mode').value };
    run({ kind: 'register_camera', values }, ownersSigner, 'The camera is registered');
  });
  $('chain-group').addEventListener('click', () => {
    run({ kind: 'create_group', values: {} }, ownersSigner, 'Faces can be put on the chain');
  });
  $('visit-tell').addEventListener('click', () => {
    run({ kind: 'check_in', values: {} }, personsSigner, 'The chain knows that you are here');
  });
  $('face-mint').addEventListener('click', () => {
    run({ kind: 'mint_face', values: {} }, personsSigner, PUT_THERE);
  });
  $('face-finish').addEventListener('click', finish);
  $('face-drop').addEventListener('click', drop);
  $('face-burn').addEventListener('click', () => {
    run({ kind: 'burn_face', values: {} }, personsSigner, BURNT);
  });
  $('chain-sign').addEventListener('click', () => answerReview?.(true));
  $('chain-cancel').addEventListener('click', () => answerReview?.(false));
  setInterval(() => {
    if (!isOwner() || document.hidden || !chain?.running) return;
    call('/api/chain/status').then(showDetail).catch(() => {});
  }, DETAIL_MS);
}
