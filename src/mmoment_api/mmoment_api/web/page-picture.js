// The live picture, what is said about it, and the switches of what is drawn into it.

import { $, PART_NAMES, call, log, post, setText, state, words } from './page-common.js';

const WIDTHS_PX = [320, 480, 640, 960, 1280, 1920];
const RETRY_MS = 1500;
// With or without its drawing, every picture passes the overlay, which blurs strangers.
const WAY = ['camera_node', 'overlay_node'];

export function showPicture() {
  const picture = $('picture');
  const wanted = picture.parentElement.clientWidth * window.devicePixelRatio;
  const width = WIDTHS_PX.find((rung) => rung >= wanted);
  const overlay = $('overlay-switch').checked ? 1 : 0;
  // `_t` makes each connection a new address, so that a broken picture is really asked for again.
  const size = width ? `&width=${width}` : '';
  picture.src = `/mjpeg-stream?overlay=${overlay}${size}&_t=${Date.now()}`;
}

let pictureRetry = 0;
export function retryPicture() {
  state.pictureArrived = false;
  showLive();
  clearTimeout(pictureRetry);
  pictureRetry = setTimeout(() => { if (state.connected) showPicture(); }, RETRY_MS);
}

function liveText(silent) {
  if (!state.camera) return 'waiting';
  if (!state.connected) return 'disconnected';
  return silent ? `${PART_NAMES[silent].toLowerCase()} silent` : words(state.camera.connection);
}

export function showLive() {
  // A node that died says nothing any more: its last words would be believed for ever, so its state
  // in the health counts first.
  const silent = WAY.find((name) => state.parts[name] === 'silent');
  const text = liveText(silent);
  const live = text === 'live';
  $('live-badge').dataset.state = live ? 'ok' : state.camera ? 'error' : 'starting';
  setText($('live-badge'), text);
  setText($('figure-fps'), live ? `${state.camera.fps.toFixed(1)} fps` : '–');
  // A camera without a source sends a picture that says so; a silent part sends none.
  $('placeholder').hidden = state.pictureArrived && !silent;
  setText($('placeholder'), silent ? `No live picture: ${text}` : 'Waiting for the first picture');
}

export function takeCamera(camera) {
  setText($('figure-resolution'), camera.resolution ? camera.resolution.replace('x', ' × ') : '–');
  if (state.camera?.connection !== camera.connection) {
    const reason = camera.last_error && camera.connection !== 'live' ? `: ${camera.last_error}` : '';
    log(`Camera is ${words(camera.connection)}${reason}`);
  }
  state.camera = camera;
  showLive();
}

/* --- switches and source ------------------------------------------------------------------- */

export async function showSwitches() {
  let layers = {};
  try {
    ({ layers } = await call('/api/visualization'));
    setText($('switch-message'), '');
  } catch (error) {
    setText($('switch-message'), error.message);
  }
  for (const input of document.querySelectorAll('[data-layer]')) {
    input.disabled = !(input.dataset.layer in layers);
    if (!input.disabled) input.checked = layers[input.dataset.layer];
  }
}

async function switchLayer(input) {
  try {
    const answer = await post(`/api/visualization/${input.dataset.layer}`, { enabled: input.checked });
    input.checked = answer.enabled;
    setText($('switch-message'), '');
  } catch (error) {
    input.checked = !input.checked;
    setText($('switch-message'), error.message);
  }
}

async function openSource(event) {
  event.preventDefault();
  const message = $('source-message');
  try {
    await post('/api/camera/source', { source: $('source-input').value.trim() });
    setText(message, '');
    $('source-input').value = '';
  } catch (error) {
    setText(message, error.message);
  }
}

export function startPicture() {
  $('picture').addEventListener('load', () => {
    state.pictureArrived = true;
    showLive();
  });
  $('picture').addEventListener('error', retryPicture);
  $('overlay-switch').addEventListener('change', () => {
    showPicture();
    showLive();
  });
  for (const input of document.querySelectorAll('[data-layer]')) {
    input.addEventListener('change', () => switchLayer(input));
  }
  $('source-form').addEventListener('submit', openSource);
}
