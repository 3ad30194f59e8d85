// One photo or clip, large: to be looked at, saved, kept and deleted.

import { $, askTwice, element, isOwner, post, send, setText, shortName, words } from './page-common.js';

const UNITS = ['B', 'kB', 'MB', 'GB'];
const DATE = { dateStyle: 'medium', timeStyle: 'medium' };

let shown = null;
let told = {};
let calmDelete = () => {};

export function nameOf(media) {
  const when = new Date(media.created * 1000).toLocaleString(undefined, DATE);
  return `${media.kind === 'clip' ? 'Clip' : 'Photo'} of ${when}`;
}

function size(bytes) {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** unit).toFixed(unit ? 1 : 0)} ${UNITS[unit]}`;
}

function say(text) {
  setText($('viewer-message'), text);
}

function content(media) {
  const isClip = media.kind === 'clip';
  const node = element(isClip ? 'video' : 'img');
  if (isClip) {
    Object.assign(node, { controls: true, playsInline: true, autoplay: true, preload: 'metadata' });
    node.setAttribute('aria-label', nameOf(media));
  } else {
    node.alt = nameOf(media);
  }
  node.addEventListener('error', () => say('It cannot be shown: it is gone, or the camera is away'));
  node.src = media.url;
  return node;
}

function show(media) {
  shown = media;
  setText($('viewer-title'), nameOf(media));
  const how = media.gesture ? `by gesture ${words(media.gesture)}` : '';
  const whose = isOwner() && media.wallet_address ? `of ${shortName(media.wallet_address)}` : '';
  const drawn = media.annotated ? 'with overlay' : '';
  const facts = [`${media.width} × ${media.height}`, size(media.size), drawn, how, whose];
  setText($('viewer-facts'), facts.filter(Boolean).join(' · '));
  $('viewer-save').href = `${media.url}?download=1`;
  $('viewer-save').download = media.filename;
  $('viewer-favourite').setAttribute('aria-pressed', media.favourite);
  setText($('viewer-favourite'), media.favourite ? '★ Favourite' : '☆ Favourite');
}

export function openViewer(media) {
  say('');
  show(media);
  $('viewer-content').replaceChildren(content(media));
  $('viewer').showModal();
}

export function showIfShown(media) {
  if (shown?.id === media.id) show({ ...shown, ...media });
}

export function closeIfShown(id) {
  if (shown?.id === id) $('viewer').close();
}

// A clip that nobody sees is not to be fetched any further.
function closed() {
  const video = $('viewer-content').querySelector('video');
  if (video) {
    video.pause();
    video.removeAttribute('src');
    video.load();
  }
  $('viewer-content').replaceChildren();
  // What was nearly deleted was this one.
  calmDelete();
  shown = null;
}

async function attempt(work) {
  say('');
  try {
    await work();
  } catch (error) {
    say(error.message);
  }
}

async function switchFavourite() {
  const { id, favourite } = shown;
  const answer = await post(`/api/media/${id}/favourite`, { favourite: !favourite });
  told.changed({ id, favourite: answer.favourite });
}

async function remove() {
  const { id, url } = shown;
  await send('DELETE', url, {});
  told.removed(id);
}

// changed, removed: told what was done with a photo or clip.
export function startViewer(listener) {
  told = listener;
  $('viewer').addEventListener('close', closed);
  $('viewer-close').addEventListener('click', () => $('viewer').close());
  $('viewer').addEventListener('click', ({ target }) => {
    // Beside what is shown.
    if (target === $('viewer')) $('viewer').close();
  });
  $('viewer-favourite').addEventListener('click', () => attempt(switchFavourite));
  calmDelete = askTwice($('viewer-delete'), () => attempt(remove), 'Really delete?', $('viewer-message'));
}
