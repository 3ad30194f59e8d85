// What all parts of the page use: the state, elements, calls, the banner and the list of events.

// Names of the nodes for people. A part that is not listed shows its own name.
export const PART_NAMES = {
  camera_node: 'Camera',
  face_node: 'Faces',
  gesture_node: 'Hands',
  overlay_node: 'Overlay',
  session_node: 'Sessions',
  encoder_node: 'Video',
  capture_node: 'Photos and clips',
  stream_node: 'Live stream',
  chain_node: 'Chain',
};
const LOG_LENGTH = 50;
const RESULT_FRESH_MS = 1500;
const NAME_ENDS = 4;
const SURE_MS = 10_000;

export const state = {
  faces: null,
  hands: null,
  camera: null,
  parts: {},
  heard: 0,
  held: new Map(),
  movement: null,
  connected: false,
  pictureArrived: false,
  whyStill: '',
  mediaKnown: false,
  me: null,
  isOpening: false,
};

export const $ = (id) => document.getElementById(id);

export function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// Changes of text that change nothing would be read out again and cost layout.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function words(name) {
  return name.replaceAll('_', ' ');
}

// A wallet address by its ends, as wallets show it.
export function shortName(identity) {
  if (identity.length <= 2 * NAME_ENDS + 1) return identity;
  return `${identity.slice(0, NAME_ENDS)}…${identity.slice(-NAME_ENDS)}`;
}

export function freshFaces() {
  return fresh(state.faces) ? state.faces.faces : [];
}

export function freshHands() {
  return fresh(state.hands) ? state.hands.hands : [];
}

function fresh(event) {
  return event !== null && Date.now() - event.heard < RESULT_FRESH_MS;
}

/* --- calls --------------------------------------------------------------------------------- */

export async function call(path, options = {}) {
  const response = await fetch(path, { cache: 'no-store', ...options });
  const answer = await response.json();
  if (response.ok) return answer;
  // A signature that proves nothing is a 401 as well.
  const isSignedOut = answer.error === 'not_signed_in';
  if (isSignedOut) signedOut();
  throw Object.assign(new Error(answer.message), { answer, isSignedOut });
}

export function send(method, path, body, options = {}) {
  return call(path, {
    ...options,
    method,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}

export function post(path, body, options) {
  return send('POST', path, body, options);
}

// What comes of `work`, as long as nobody stops it: a wallet may wait for its owner for ever.
export function unlessStopped(work, signal) {
  if (!signal) return work;
  const stopped = new Promise((_, reject) => {
    signal.throwIfAborted();
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([work, stopped]);
}

/* --- who looks at this page ---------------------------------------------------------------- */

export function isOwner() {
  return Boolean(state.me?.owner);
}

// As far as the camera has said who looks.
export function may(right) {
  return isOwner() || Boolean(state.me?.rights.includes(right));
}

// What this person may not do is not shown: data-needs names rights, owner, or link (of the owner).
export async function showWhatIsMine() {
  state.me = await call('/api/session');
  const has = (need) => (need === 'link' ? state.me.link : may(need));
  for (const node of document.querySelectorAll('[data-needs]')) {
    node.hidden = !node.dataset.needs.split(' ').every(has);
  }
}

// What cannot be undone takes two clicks, the second within SURE_MS. That a button has another label
// now is not read out by itself. Gives what makes it forget the first click.
export function askTwice(button, action, sure = 'Really forget?', region = $('ask-twice')) {
  let text = button.textContent;
  let timer = 0;
  const calm = () => {
    clearTimeout(timer);
    timer = 0;
    button.classList.remove('sure');
    setText(button, text);
    setText(region, '');
  };
  button.addEventListener('click', () => {
    if (timer) {
      calm();
      action();
    } else {
      text = button.textContent;
      timer = setTimeout(calm, SURE_MS);
      button.classList.add('sure');
      setText(button, sure);
      setText(region, `${sure} To do it, press again within ${SURE_MS / 1000} seconds.`);
    }
  });
  return calm;
}

/* --- banner and log ------------------------------------------------------------------------ */

export function banner(text) {
  $('banner').hidden = !text;
  setText($('banner-text'), text || '');
  $('banner-link').hidden = true;
}

export function signedOut() {
  // The next session is on its way, and its cookie with it.
  if (state.isOpening) return;
  state.me = null;
  // The page for checking in shows no session.
  if (!$('session')) return;
  $('session').hidden = true;
  setText($('session-title'), 'Checked out');
  banner('Signed out. Open a new sign-in link, then reload this page, or check in with a wallet:');
  $('banner-link').hidden = false;
}

export function log(text) {
  const list = $('log');
  list.querySelector('.empty')?.remove();
  const item = element('li');
  item.append(element('time', '', new Date().toTimeString().slice(0, 8)), element('span', '', text));
  list.prepend(item);
  while (list.children.length > LOG_LENGTH) list.lastChild.remove();
}
