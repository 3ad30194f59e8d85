'use strict';

// Names of the nodes for people. A part that is not listed shows its own name.
const PART_NAMES = {
  camera_node: 'Camera',
  face_node: 'Faces',
  gesture_node: 'Hands',
  overlay_node: 'Overlay',
};
const LOG_LENGTH = 50;
const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 8000;
// The server says something at least once a second; longer silence means a dead connection.
const SILENCE_MS = 4000;
const RENDER_MS = 200;
const DROPS_WORTH_TELLING = 30;
const RESULT_FRESH_MS = 1500;
const WIDTHS_PX = [320, 480, 640, 960, 1280, 1920];

const $ = (id) => document.getElementById(id);
const state = {
  faces: null,
  hands: null,
  camera: null,
  parts: {},
  heard: 0,
  held: new Map(),
  connected: false,
  pictureArrived: false,
};

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// Changes of text that change nothing would be read out again and cost layout.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function words(name) {
  return name.replaceAll('_', ' ');
}

async function call(path, options = {}) {
  const response = await fetch(path, { cache: 'no-store', ...options });
  if (response.status === 401) {
    signedOut();
    throw new Error('Signed out');
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer;
}

function post(path, body) {
  return call(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/* --- banner and log ------------------------------------------------------------------------ */

function banner(text) {
  $('banner').hidden = !text;
  setText($('banner-text'), text || '');
}

function signedOut() {
  banner('Signed out. Open a new sign-in link, then reload this page.');
}

function log(text) {
  const list = $('log');
  list.querySelector('.empty')?.remove();
  const item = element('li');
  item.append(element('time', '', new Date().toTimeString().slice(0, 8)), element('span', '', text));
  list.prepend(item);
  while (list.children.length > LOG_LENGTH) list.lastChild.remove();
}

/* --- live picture -------------------------------------------------------------------------- */

function showPicture() {
  const picture = $('picture');
  const wanted = picture.parentElement.clientWidth * window.devicePixelRatio;
  const width = WIDTHS_PX.find((rung) => rung >= wanted);
  const overlay = $('overlay-switch').checked ? 1 : 0;
  // `_t` makes each connection a new address, so that a broken picture is really asked for again.
  const size = width ? `&width=${width}` : '';
  picture.src = `/mjpeg-stream?overlay=${overlay}${size}&_t=${Date.now()}`;
}

let pictureRetry = 0;
function retryPicture() {
  state.pictureArrived = false;
  showLive();
  clearTimeout(pictureRetry);
  pictureRetry = setTimeout(() => { if (state.connected) showPicture(); }, 1500);
}

// A node that died says nothing any more: its last words would be believed for ever, so its state in
// the health counts first.
function silentPart() {
  const ways = $('overlay-switch').checked ? ['camera_node', 'overlay_node'] : ['camera_node'];
  return ways.find((name) => state.parts[name] === 'silent');
}

function liveText(silent) {
  if (!state.camera) return 'waiting';
  if (!state.connected) return 'disconnected';
  return silent ? `${PART_NAMES[silent].toLowerCase()} silent` : words(state.camera.connection);
}

function showLive() {
  const silent = silentPart();
  const text = liveText(silent);
  const live = text === 'live';
  $('live-badge').dataset.state = live ? 'ok' : state.camera ? 'error' : 'starting';
  setText($('live-badge'), text);
  setText($('figure-fps'), live ? `${state.camera.fps.toFixed(1)} fps` : '–');
  // A camera without a source sends a picture that says so; a silent part sends none.
  $('placeholder').hidden = state.pictureArrived && !silent;
  setText($('placeholder'), silent ? `No live picture: ${text}` : 'Waiting for the first picture');
}

function takeCamera(camera) {
  setText($('figure-resolution'), camera.resolution ? camera.resolution.replace('x', ' × ') : '–');
  if (state.camera?.connection !== camera.connection) {
    const reason = camera.last_error && camera.connection !== 'live' ? `: ${camera.last_error}` : '';
    log(`Camera is ${words(camera.connection)}${reason}`);
  }
  state.camera = camera;
  showLive();
}

/* --- health -------------------------------------------------------------------------------- */

function showHealth(health) {
  const pill = $('overall');
  pill.dataset.state = health.status;
  setText(pill, health.status);
  for (const [name, part] of Object.entries(health.parts)) {
    const before = state.parts[name];
    if (before && before !== part) log(`${PART_NAMES[name] || name}: ${before}, now ${part}`);
    state.parts[name] = part;
  }
  showLive();
}

async function showDetail() {
  const { detail } = await call('/api/health');
  if (!detail) return;
  const items = Object.entries(detail.parts).map(([name, part]) => {
    const item = element('li');
    item.dataset.state = part.state;
    item.dataset.part = name;
    let fps = part.fps;
    let figures = [];
    if (name === 'camera_node' && detail.source) {
      fps = detail.source.fps;
      figures = [detail.source.kind, detail.source.dropped ? `${detail.source.dropped} dropped` : ''];
    } else if (part.latency_p50_ms !== null) {
      figures = [`${part.latency_p50_ms.toFixed(0)} ms`, `${part.dropped} dropped`, part.backend];
    }
    const what = part.state === 'ok' ? figures.filter(Boolean).join(' · ') : part.message;
    item.append(
      element('span', 'dot'),
      element('span', 'name', PART_NAMES[name] || name),
      element('span', 'rate', fps === null || part.state === 'silent' ? part.state : `${fps.toFixed(1)} fps`),
      element('span', 'what', what),
    );
    item.firstChild.title = part.state;
    return item;
  });
  $('parts').replaceChildren(...items);
  const overlay = detail.parts.overlay_node;
  const latency = overlay && overlay.latency_p50_ms;
  setText($('figure-latency'), latency ? `${latency.toFixed(0)} ms` : '–');
  setText($('figure-viewers'), String(detail.live_view.viewers));
  const source = detail.source;
  setText($('source-now'), source ? `${source.source || source.kind}${source.chosen_by_auto ? ' (found by auto)' : ''}` : '–');
}

/* --- detections ---------------------------------------------------------------------------- */

function fresh(event) {
  return event !== null && Date.now() - event.heard < RESULT_FRESH_MS;
}

function row(kind, what) {
  const item = element('li');
  item.append(element('span', 'kind', kind), element('span', 'what', what));
  return item;
}

function render() {
  const faces = fresh(state.faces) ? state.faces.faces : [];
  const hands = fresh(state.hands) ? state.hands.hands : [];
  const rows = faces.map((face) => {
    const item = row(`Face ${face.track_id}`, `${Math.round(face.score * 100)} % · ${face.age_s.toFixed(0)} s`);
    item.dataset.face = face.track_id;
    item.children[0].after(element('span', 'quiet', face.identity || 'unknown'));
    return item;
  });
  for (const hand of hands) {
    const side = hand.handedness ? `${hand.handedness} hand` : 'hand';
    const what = hand.gesture
      ? `${words(hand.gesture)} · ${Math.round(hand.confidence * 100)} %`
      : 'no gesture';
    rows.push(row(`${side[0].toUpperCase()}${side.slice(1)} ${hand.track_id}`, what));
  }
  setText($('people-count'), String(faces.length + hands.length));
  $('people').replaceChildren(...(rows.length ? rows : [element('li', 'empty', 'Nobody in view')]));
  renderGesture(hands);
}

function renderGesture(hands) {
  for (const id of state.held.keys()) {
    if (!hands.some((hand) => hand.track_id === id)) state.held.delete(id);
  }
  let best = null;
  for (const [id, gesture] of state.held) {
    const hand = hands.find((item) => item.track_id === id);
    const confidence = hand.gesture === gesture.gesture ? hand.confidence : gesture.confidence;
    if (!best || confidence > best.confidence) best = { name: gesture.gesture, confidence };
  }
  setText($('gesture-name'), best ? words(best.name) : 'none');
  $('gesture-confidence').value = best ? best.confidence : 0;
  setText($('gesture-percent'), best ? `${Math.round(best.confidence * 100)} %` : '');
  $('gesture-badge').hidden = !best;
  if (best) setText($('gesture-badge'), words(best.name));
}

function takeGesture(gesture) {
  const name = words(gesture.gesture);
  if (gesture.phase === 'begin') {
    state.held.set(gesture.hand_track_id, gesture);
    log(`Gesture ${name} begins (${Math.round(gesture.confidence * 100)} %)`);
  } else {
    state.held.delete(gesture.hand_track_id);
    log(`Gesture ${name} ends after ${gesture.held_s.toFixed(1)} s`);
  }
}

/* --- switches and source ------------------------------------------------------------------- */

async function showSwitches() {
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

/* --- events -------------------------------------------------------------------------------- */

const TAKE = {
  faces: (data) => { state.faces = { ...data, heard: Date.now() }; },
  hands: (data) => { state.hands = { ...data, heard: Date.now() }; },
  gestures: takeGesture,
  camera: takeCamera,
  health: (data) => {
    showHealth(data);
    showDetail().catch(() => {});
    const overlayBack = data.parts.overlay_node === 'ok';
    if (overlayBack && document.querySelector('[data-layer]:disabled')) showSwitches();
  },
  // A few are skipped whenever this tab is busy; only more than that is news.
  dropped: (data) => {
    if (data.count > DROPS_WORTH_TELLING) log(`${data.count} events were skipped: this connection is slow`);
  },
};

let retryMs = RETRY_FIRST_MS;
let socket = null;

function connect() {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  socket = new WebSocket(`${scheme}://${location.host}/api/events`);
  const mine = socket;
  mine.onmessage = (message) => {
    state.heard = Date.now();
    if (!state.connected) connected();
    const event = JSON.parse(message.data);
    TAKE[event.type]?.(event.data);
  };
  mine.onclose = () => { if (socket === mine) lost(); };
}

function connected() {
  state.connected = true;
  retryMs = RETRY_FIRST_MS;
  banner('');
  log('Connected');
  showPicture();
  showSwitches();
}

function lost() {
  if (state.connected) log('Connection lost');
  state.connected = false;
  $('overall').dataset.state = 'error';
  setText($('overall'), 'disconnected');
  banner('Connection to the camera lost. Trying again…');
  retryPicture();
  // Tells being signed out, for instance by a restart, from a camera that is not there.
  fetch('/api/visualization', { cache: 'no-store' })
    .then((response) => { if (response.status === 401) signedOut(); })
    .catch(() => {});
  setTimeout(connect, retryMs * (0.75 + Math.random() / 2));
  retryMs = Math.min(retryMs * 2, RETRY_LAST_MS);
}

function watch() {
  if (state.connected && Date.now() - state.heard > SILENCE_MS) {
    const old = socket;
    socket = null;
    old.close();
    lost();
  }
}

async function start() {
  $('picture').addEventListener('load', () => {
    state.pictureArrived = true;
    showLive();
  });
  $('picture').addEventListener('error', retryPicture);
  $('overlay-switch').addEventListener('change', () => {
    showPicture();
    showLive();
  });
  $('source-form').addEventListener('submit', openSource);
  $('sign-out').addEventListener('click', async () => {
    await fetch('/sign-out', { method: 'POST' });
    location.reload();
  });
  for (const input of document.querySelectorAll('[data-layer]')) {
    input.addEventListener('change', () => switchLayer(input));
  }
  setInterval(render, RENDER_MS);
  setInterval(watch, 1000);
  connect();
  const { name } = await call('/');
  setText($('camera-name'), name);
  document.title = name;
}

start().catch((error) => banner(error.message));
