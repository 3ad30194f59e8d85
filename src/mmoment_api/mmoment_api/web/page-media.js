// Photos and clips: the newest first, more on demand, and what the camera tells of them.

import { $, call, element, isOwner, log, may, setText, shortName, state, words } from './page-common.js';
import { closeIfShown, nameOf, openViewer, showIfShown, startViewer } from './page-viewer.js';

const PAGE = 24;
const RETRY_MS = 5000;
const NOTHING = 'Nothing yet: take a photo, record a clip, or show the camera a gesture';

// What is shown, in this order: what is known of each, and its tile.
let entries = [];
let total = 0;
let cursor = null;
let retryTimer = 0;
// Of what answers and events tell twice: the ids that are counted, and those that are gone.
const counted = new Set();
const gone = new Set();

export function sayMedia(text, tone = 'bad') {
  $('media-message').dataset.tone = tone;
  setText($('media-message'), text);
}

/* --- tiles --------------------------------------------------------------------------------- */

export function duration(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

function makeEntry(media) {
  const item = element('li');
  const button = element('button', 'tile');
  button.type = 'button';
  const picture = Object.assign(element('img'), { alt: '', loading: 'lazy', decoding: 'async' });
  if (media.thumbnail_url) picture.src = media.thumbnail_url;
  button.append(picture, element('span', 'tile-star', '★'));
  if (media.kind === 'clip') button.append(element('span', 'tile-length', `▶ ${duration(media.duration)}`));
  const wallet = media.wallet_address;
  if (isOwner() && wallet && wallet !== state.me.wallet_address) {
    button.append(element('span', 'tile-who', shortName(wallet)));
  }
  item.append(button);
  const entry = { media, item };
  button.addEventListener('click', () => openViewer(entry.media));
  return entry;
}

function showEntry({ media, item }) {
  item.dataset.favourite = media.favourite;
  const length = media.kind === 'clip' ? `, ${duration(media.duration)}` : '';
  item.firstChild.setAttribute('aria-label', `${nameOf(media)}${length}${media.favourite ? ', favourite' : ''}`);
}

function find(id) {
  return entries.find((entry) => entry.media.id === id);
}

// In its place by time. What is older than all that is loaded comes with the rest.
function put(media, isLoaded) {
  if (gone.has(media.id) || find(media.id)) return;
  let place = entries.findIndex((entry) => entry.media.created < media.created);
  if (place < 0 && cursor && !isLoaded) return;
  if (place < 0) place = entries.length;
  const entry = makeEntry(media);
  $('media-grid').insertBefore(entry.item, entries[place]?.item ?? null);
  entries.splice(place, 0, entry);
  showEntry(entry);
}

function showCount() {
  setText($('media-count'), total ? String(total) : '');
  $('media-more').hidden = !cursor;
  $('media-empty').hidden = entries.length > 0 || !state.mediaKnown;
}

// What has just been kept, by whatever doing.
export function placeMedia(media) {
  if (!counted.has(media.id) && !find(media.id)) total += 1;
  counted.add(media.id);
  put(media, false);
  showCount();
}

function changeMedia(change) {
  const entry = find(change.id);
  if (entry) {
    entry.media = { ...entry.media, ...change };
    showEntry(entry);
  }
  showIfShown(change);
}

function removeMedia(id) {
  closeIfShown(id);
  if (!id || gone.has(id)) return;
  gone.add(id);
  total = Math.max(0, total - 1);
  const entry = find(id);
  if (entry) {
    // Whoever goes through the tiles by keyboard goes on beside it.
    const hadFocus = entry.item.contains(document.activeElement);
    const neighbour = entry.item.nextElementSibling ?? entry.item.previousElementSibling;
    entry.item.remove();
    entries = entries.filter((other) => other !== entry);
    if (hadFocus) (neighbour?.firstChild ?? $('media-title')).focus();
  }
  showCount();
}

/* --- the list ------------------------------------------------------------------------------ */

function fetchPage(from) {
  const query = from ? `&cursor=${encodeURIComponent(from)}` : '';
  return call(`/api/media?limit=${PAGE}${query}`);
}

function take(answer) {
  for (const media of answer.media) put(media, true);
  total = answer.total;
  cursor = answer.next_cursor;
  state.mediaKnown = true;
  showCount();
}

// From the newest; while the part for it is away, again and again.
export async function showMedia() {
  clearTimeout(retryTimer);
  if (!may('view')) return;
  try {
    const answer = await fetchPage(null);
    for (const { item } of entries) item.remove();
    entries = [];
    if (!state.mediaKnown) sayMedia('');
    take(answer);
  } catch (error) {
    if (error.isSignedOut) return;
    state.mediaKnown = false;
    sayMedia(error.message);
    showCount();
    retryTimer = setTimeout(showMedia, RETRY_MS);
  }
}

async function more() {
  $('media-more').disabled = true;
  const last = entries.at(-1);
  try {
    take(await fetchPage(cursor));
    // The button may be gone: the first new tile is where to go on.
    last?.item.nextElementSibling?.firstChild.focus();
  } catch (error) {
    sayMedia(error.message);
  }
  $('media-more').disabled = false;
}

/* --- events -------------------------------------------------------------------------------- */

function deletedText(who, { kind, reason }) {
  const why = reason && reason !== 'asked' ? ` (${words(reason)})` : '';
  return `${kind === 'clip' ? 'Clip' : 'Photo'}${who} deleted${why}`;
}

const TEXTS = {
  taken: (who) => `Photo${who} kept`,
  started: (who) => `Recording${who} begins`,
  recorded: (who) => `Clip${who} kept`,
  deleted: deletedText,
  failed: (who, { kind, message, reason }) => `No ${kind}${who}: ${message || words(reason || 'it failed')}`,
};

export function takeCapture(event) {
  const isOthers = event.identity && event.identity !== state.me?.wallet_address;
  const text = TEXTS[event.change]?.(isOthers ? ` of ${shortName(event.identity)}` : '', event);
  if (text) log(text);
  if (event.change === 'failed' && !isOthers) sayMedia(text);
  if (event.change === 'deleted') removeMedia(event.id);
  else if (event.media) placeMedia(event.media);
}

export function startMedia() {
  setText($('media-empty'), NOTHING);
  $('media-more').addEventListener('click', more);
  startViewer({ changed: changeMedia, removed: removeMedia });
}
