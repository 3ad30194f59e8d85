// People: learn a face with live feedback, list who is known and in view, forget.

import {
  $, askTwice, element, freshFaces, isOwner, log, post, send, setText, shortName, state, words,
} from './page-common.js';

const CLOSE_AFTER_MS = 1500;

// Only the enrolment that this page asked for can be cancelled here.
let isMine = false;
let newest = null;
const rows = new Map();

/* --- enrolment ----------------------------------------------------------------------------- */

export function takeEnrollment(enrollment) {
  if (newest?.active && !enrollment.active) log(`Enrolment ${words(enrollment.step)}`);
  if (!newest?.active && enrollment.active) log('Enrolment begins');
  newest = enrollment;
  showEnrollment();
}

function showEnrollment() {
  const isActive = Boolean(newest?.active);
  $('enrolment').hidden = !isActive && !isMine;
  $('enrol-cancel').hidden = !isMine;
  $('enrol-button').disabled = isMine || isActive;
  if ($('enrolment').hidden) return;
  setText($('enrol-instruction'), isActive ? newest.instruction : 'Please wait');
  $('enrol-progress').value = isActive ? newest.progress : 0;
  const reasons = isActive ? newest.reasons.map(words) : [];
  setText($('enrol-reasons'), reasons.length ? `Not good yet: ${reasons.join(', ')}` : '');
}

function say(text, tone) {
  const message = $('enrol-message');
  message.dataset.tone = tone;
  setText(message, text);
}

function cancel() {
  return post('/api/face/enroll/cancel', {}).catch((error) => say(error.message, 'bad'));
}

// Closes the connection a moment after `signal` asked to stop: an enrolment that nobody waits for any
// more is ended as well, if the camera did not hear of it otherwise.
function connectionUntil(signal) {
  const connection = new AbortController();
  signal?.addEventListener('abort', () => {
    cancel();
    setTimeout(() => connection.abort(), CLOSE_AFTER_MS);
  }, { once: true });
  return connection.signal;
}

// Shows how it goes, until it has ended; throws what the camera refused.
export async function runEnrolment(wish, signal) {
  signal?.throwIfAborted();
  isMine = true;
  showEnrollment();
  try {
    return await post('/api/face/enroll', wish, { signal: connectionUntil(signal) });
  } catch (error) {
    const reasons = error.answer?.reasons || [];
    throw reasons.length ? new Error(`${error.message} (${reasons.map(words).join(', ')})`) : error;
  } finally {
    isMine = false;
    showEnrollment();
  }
}

async function enrol(event) {
  event.preventDefault();
  const identity = $('enrol-wallet').value.trim();
  say('', '');
  try {
    const answer = await runEnrolment({ wallet_address: identity, liveness: $('enrol-liveness').checked });
    say(`${shortName(identity)} is known now: ${answer.views} views, quality ${answer.quality.rating}`, 'ok');
    $('enrol-wallet').value = '';
  } catch (error) {
    say(error.message, 'bad');
  }
}

/* --- forgetting ---------------------------------------------------------------------------- */

async function forget(identity) {
  try {
    const answer = await send('DELETE', '/api/face', { wallet_address: identity });
    const text = answer.face_forgotten ? 'is forgotten' : 'will be forgotten';
    say(`${shortName(identity)} ${text}. ${answer.message}`, 'ok');
    log(`${shortName(identity)} ${text}`);
  } catch (error) {
    say(error.message, 'bad');
  }
}

/* --- who is in view ------------------------------------------------------------------------ */

export function renderPeople() {
  const named = new Map();
  for (const face of freshFaces()) if (face.identity) named.set(face.identity, face);
  for (const [identity, item] of rows) {
    if (!named.has(identity)) {
      item.remove();
      rows.delete(identity);
    }
  }
  for (const [identity, face] of named) {
    if (!rows.has(identity)) addRow(identity);
    setText(rows.get(identity).querySelector('.what'), `face ${face.track_id} · alike ${face.similarity.toFixed(2)}`);
  }
  $('known-empty').hidden = rows.size > 0;
}

function addRow(identity) {
  const item = element('li');
  item.dataset.person = identity;
  const name = element('span', 'kind', shortName(identity));
  name.title = identity;
  const button = element('button', 'plain', 'Forget');
  button.type = 'button';
  button.setAttribute('aria-description', `of ${identity}`);
  askTwice(button, () => forget(identity));
  button.hidden = !isOwner();
  item.append(name, element('span', 'what', ''), button);
  rows.set(identity, item);
  $('known').append(item);
}

export function showVision(vision) {
  const { people, embedder, model_id: model } = vision.faces;
  setText($('known-count'), people === null ? '' : `${people} known`);
  setText($('known-model'), model ? `Compared by ${embedder || model}.` : 'No model for recognition is loaded.');
}

export function startPeople() {
  $('enrol-form').addEventListener('submit', enrol);
  $('enrol-cancel').addEventListener('click', cancel);
  askTwice($('enrol-forget'), () => {
    if ($('enrol-wallet').reportValidity()) forget($('enrol-wallet').value.trim());
  });
}
