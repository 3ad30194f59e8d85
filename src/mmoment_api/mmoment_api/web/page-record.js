// The buttons for photos and clips, and what is being recorded now.

import { $, element, isOwner, post, setText, shortName, state } from './page-common.js';
import { duration, placeMedia, sayMedia } from './page-media.js';

const TICK_MS = 500;

let running = [];
let isActive = false;
let heard = 0;
let isWaiting = false;
const rows = new Map();

function mine() {
  const wallet = state.me?.wallet_address ?? null;
  return running.find((clip) => clip.identity === wallet);
}

// As of now: the camera says it once a second.
function elapsed(clip) {
  return clip.elapsed_s + (Date.now() - heard) / 1000;
}

function showRow(clip, isMine) {
  if (!rows.has(clip.id)) {
    const item = element('li');
    const stop = element('button', 'plain', 'Stop');
    stop.type = 'button';
    stop.addEventListener('click', () => run(() => stopClip(clip.id)));
    item.append(element('span', 'rec-dot'), element('span', 'rec-what', ''), element('span', 'quiet', ''), stop);
    rows.set(clip.id, item);
    $('recordings').append(item);
  }
  const [, what, time, stop] = rows.get(clip.id).children;
  const whose = clip.identity ? ` of ${shortName(clip.identity)}` : '';
  setText(what, isMine ? 'Recording' : `Recording${whose}`);
  const limit = clip.limit_s ? ` of at most ${duration(clip.limit_s)}` : '';
  setText(time, `${duration(elapsed(clip))}${limit}`);
  stop.hidden = isMine || !isOwner();
}

function show() {
  const own = mine();
  for (const [id, item] of rows) {
    if (!running.some((clip) => clip.id === id)) {
      item.remove();
      rows.delete(id);
    }
  }
  for (const clip of running) showRow(clip, clip === own);
  $('recordings').hidden = running.length === 0;
  // Whoever is in the picture may know that it is recorded, whoever does that.
  $('rec-badge').hidden = !isActive;
  setText($('rec-badge'), own ? `● ${duration(elapsed(own))}` : '● recording');
  $('record').dataset.state = own ? 'recording' : '';
  setText($('record'), own ? 'Stop' : 'Record');
  $('record').disabled = isWaiting;
  $('take-photo').disabled = isWaiting;
}

export function takeRecordings(event) {
  running = event.recordings;
  isActive = event.active;
  heard = Date.now();
  show();
}

/* --- buttons ------------------------------------------------------------------------------- */

async function run(work) {
  if (isWaiting) return;
  const before = document.activeElement;
  isWaiting = true;
  sayMedia('');
  show();
  try {
    await work();
  } catch (error) {
    sayMedia(error.message);
  }
  isWaiting = false;
  show();
  // A button that was switched off has lost the focus.
  if (document.activeElement === document.body) before?.focus();
}

async function takePhoto() {
  const photo = await post('/api/capture', { annotated: $('photo-annotated').checked });
  placeMedia(photo);
  sayMedia('Photo kept', 'ok');
}

async function startClip() {
  await post('/api/record', { action: 'start' });
}

async function stopClip(id) {
  const { clips } = await post('/api/record', { action: 'stop', id });
  clips.forEach(placeMedia);
  sayMedia('Clip kept', 'ok');
}

export function startRecord() {
  $('take-photo').addEventListener('click', () => run(takePhoto));
  $('record').addEventListener('click', () => {
    const own = mine();
    run(own ? () => stopClip(own.id) : startClip);
  });
  setInterval(() => {
    // A camera that says nothing any more does not say that it records.
    if (isActive && !state.connected) takeRecordings({ active: false, recordings: [] });
    if (running.length) show();
  }, TICK_MS);
}
