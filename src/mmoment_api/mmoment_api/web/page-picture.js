// The live picture, what is said about it, and the switches of what is drawn into it.

import { $, PART_NAMES, call, log, post, setText, state, words } from './page-common.js';
import { LiveView } from './page-live.js';

const WIDTHS_PX = [320, 480, 640, 960, 1280, 1920];
const CHOICE = 'live-way';
// With or without its drawing, every picture passes the overlay, which blurs strangers.
const WAY = ['camera_node', 'overlay_node'];

let live = null;

export function showPicture() {
  const wanted = $('picture').parentElement.clientWidth * window.devicePixelRatio;
  const width = WIDTHS_PX.find((rung) => rung >= wanted);
  const overlay = $('overlay-switch').checked ? 1 : 0;
  live.show(`overlay=${overlay}${width ? `&width=${width}` : ''}`);
}

// Until it is shown again.
export function endPicture() {
  live.stop();
  showLive();
}

function showWay(title, ageMs, reason) {
  const age = ageMs === null || !state.pictureArrived ? '' : ` · ${Math.round(ageMs)} ms`;
  setText($('figure-way'), title ? title + age : '–');
  setText($('way-reason'), reason);
}

function setMoving(isMoving, reason) {
  state.pictureArrived = isMoving;
  state.whyStill = reason;
  showLive();
}

function liveText(silent) {
  if (!state.camera) return 'waiting';
  if (!state.connected) return 'disconnected';
  if (silent) return `${PART_NAMES[silent].toLowerCase()} silent`;
  return state.whyStill ? 'no picture' : words(state.camera.connection);
}

export function showLive() {
  // A node that died says nothing any more: its last words would be believed for ever, so its state
  // in the health counts first.
  const silent = WAY.find((name) => state.parts[name] === 'silent');
  const text = liveText(silent);
  const isLive = text === 'live';
  $('live-badge').dataset.state = isLive ? 'ok' : state.camera ? 'error' : 'starting';
  setText($('live-badge'), text);
  setText($('figure-fps'), isLive ? `${state.camera.fps.toFixed(1)} fps` : '–');
  // A camera without a source sends a picture that says so; a silent part sends none.
  $('placeholder').hidden = state.pictureArrived && !silent;
  const why = silent ? text : state.whyStill;
  setText($('placeholder'), why ? `No live picture: ${why}` : 'Waiting for the first picture');
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
  live = new LiveView($('picture'), $('picture-image'), {
    moved: () => setMoving(true, ''),
    still: (reason) => setMoving(false, reason),
    way: showWay,
  });
  const choice = $('way-choice');
  choice.value = localStorage.getItem(CHOICE);
  // What a newer page has kept may be nothing that this one knows.
  choice.value ||= choice.options[0].value;
  live.choose(choice.value);
  choice.addEventListener('change', () => {
    localStorage.setItem(CHOICE, choice.value);
    live.choose(choice.value);
  });
  $('overlay-switch').addEventListener('change', () => {
    showPicture();
    showLive();
  });
  for (const input of document.querySelectorAll('[data-layer]')) {
    input.addEventListener('change', () => switchLayer(input));
  }
  $('source-form').addEventListener('submit', openSource);
}
