// The page: events come in here, and each part of the page is told what concerns it.

import {
  $, PART_NAMES, banner, call, element, isOwner, log, may, setText, state,
} from './page-common.js';
import { showChain, startChain, takeChain } from './page-chain.js';
import { renderDetections, takeGesture, takeGestureAction } from './page-detections.js';
import { showMedia, startMedia, takeCapture } from './page-media.js';
import { renderPeople, showVision, startPeople, takeEnrollment } from './page-people.js';
import { startRecord, takeRecordings } from './page-record.js';
import { showSession, startSession, takeSession } from './page-session.js';
import { showStream, startStream, takeStream } from './page-stream.js';
import {
  endPicture, showLive, showPicture, showSwitches, startPicture, takeCamera,
} from './page-picture.js';

const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 8000;
// The server says something at least once a second; longer silence means a dead connection.
const SILENCE_MS = 4000;
const RENDER_MS = 200;
const DROPS_WORTH_TELLING = 30;
// What happens is told by the right to see it; everything else on the page does without.
const NO_VIEW = 'You lack the right “view” here, so there is no live picture. The owner of the camera '
  + 'can grant it; then reload this page.';

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

function partItem(name, part, source) {
  const item = element('li');
  item.dataset.state = part.state;
  item.dataset.part = name;
  let fps = part.fps;
  let figures = [];
  if (name === 'camera_node' && source) {
    fps = source.fps;
    figures = [source.kind, source.dropped ? `${source.dropped} dropped` : ''];
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
}

async function showDetail() {
  const { detail, vision } = await call('/api/health');
  if (!detail) return;
  const { source } = detail;
  const items = Object.entries(detail.parts).map(([name, part]) => partItem(name, part, source));
  $('parts').replaceChildren(...items);
  const overlay = detail.parts.overlay_node;
  const latency = overlay && overlay.latency_p50_ms;
  setText($('figure-latency'), latency ? `${latency.toFixed(0)} ms` : '–');
  setText($('figure-viewers'), String(detail.live_view.viewers));
  setText($('source-now'), source ? `${source.source || source.kind}${source.chosen_by_auto ? ' (found by auto)' : ''}` : '–');
  showVision(vision);
}

/* --- events -------------------------------------------------------------------------------- */

const TAKE = {
  chain: takeChain,
  faces: (data) => { state.faces = { ...data, heard: Date.now() }; },
  hands: (data) => { state.hands = { ...data, heard: Date.now() }; },
  gestures: takeGesture,
  gesture_action: takeGestureAction,
  enrollment: takeEnrollment,
  camera: takeCamera,
  sessions: takeSession,
  captures: takeCapture,
  recordings: takeRecordings,
  stream: takeStream,
  health: (data) => {
    showHealth(data);
    if (isOwner()) showDetail().catch(() => {});
    const overlayBack = data.parts.overlay_node === 'ok';
    if (overlayBack && document.querySelector('[data-layer]:disabled')) showSwitches();
  },
  // A few are skipped whenever this tab is busy; only more than that is news.
  dropped: (data) => {
    if (data.count > DROPS_WORTH_TELLING) log(`${data.count} events were skipped: this connection is slow`);
  },
};

let retryMs = RETRY_FIRST_MS;
let retryTimer = 0;
let wasLost = false;
let socket = null;

function connect() {
  retryTimer = 0;
  if (!may('view')) return;
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  socket = window.WebSocket
    ? new WebSocket(`${scheme}://${location.host}/api/events`)
    : new EventSource('/api/events');
  const mine = socket;
  mine.onmessage = (message) => {
    state.heard = Date.now();
    if (!state.connected) connected();
    const event = JSON.parse(message.data);
    TAKE[event.type]?.(event.data);
  };
  mine.onclose = () => { if (socket === mine) lost(); };
  mine.onerror = () => {
    mine.close();
    mine.onclose();
  };
}

function connected() {
  state.connected = true;
  retryMs = RETRY_FIRST_MS;
  banner('');
  log('Connected');
  // At the start, it has just been shown.
  if (wasLost) showSession().catch(() => {});
  wasLost = false;
  showChain().catch(() => {});
  showPicture();
  showSwitches();
  showMedia();
  showStream().catch(() => {});
}

// Who has no right to see is told so, and not that the camera is away.
function showSight() {
  if (!state.me || may('view')) return;
  $('overall').dataset.state = 'starting';
  setText($('overall'), 'no live picture');
  banner(NO_VIEW);
}

function lost() {
  socket = null;
  if (state.connected) log('Connection lost');
  state.connected = false;
  wasLost = true;
  $('overall').dataset.state = 'error';
  setText($('overall'), 'disconnected');
  if (may('view')) banner('Connection to the camera lost. Trying again…');
  endPicture();
  // Tells being signed out, for instance by a restart, and a right that was taken back from a camera
  // that is not there.
  askAgain();
  retryTimer = setTimeout(connect, retryMs * (0.75 + Math.random() / 2));
  retryMs = Math.min(retryMs * 2, RETRY_LAST_MS);
}

function askAgain() {
  showSession().catch(() => {}).then(showSight);
}

function watch() {
  if (state.connected && Date.now() - state.heard > SILENCE_MS) {
    const old = socket;
    lost();
    old.close();
  } else if (!socket && !retryTimer) {
    // Not before the camera says that the right to see is there (again).
    connect();
  }
}

function render() {
  renderDetections();
  renderPeople();
}

// Whether somebody's session lasts, only the part for sessions knows; until it is back, ask again.
async function untilKnown() {
  for (;;) {
    try {
      await showSession();
      return;
    } catch (error) {
      if (error.isSignedOut) throw error;
      banner(error.message);
      await new Promise((resolve) => { setTimeout(resolve, RETRY_LAST_MS / 4); });
    }
  }
}

async function start() {
  startPicture();
  startChain();
  startPeople();
  startSession();
  startMedia();
  startRecord();
  startStream();
  $('sign-out').addEventListener('click', async () => {
    await fetch('/sign-out', { method: 'POST' });
    location.reload();
  });
  setInterval(render, RENDER_MS);
  await untilKnown();
  showSight();
  if (!may('view')) showChain().catch(() => {});
  connect();
  setInterval(watch, 1000);
  // Nobody tells a page that may see nothing what happens.
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && !socket) askAgain();
  });
  const { name } = await call('/');
  setText($('camera-name'), name);
  document.title = name;
}

start().catch((error) => { if (!error.isSignedOut) banner(error.message); });
