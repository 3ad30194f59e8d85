// What is pushed to the outside: whether it is on air, how each target is, start and stop.

import {
  $, askTwice, call, element, log, may, post, setText, state, words,
} from './page-common.js';
import { duration } from './page-media.js';
import { startStreamSettings } from './page-stream-settings.js';

const TICK_MS = 500;
const MEBIBYTE = 2 ** 20;
const PROVIDERS = { livepeer: 'Livepeer', rtmp: 'Server', none: 'Nothing' };
// As the other states of the page: what each means for who looks after the camera.
const TONES = { live: 'ok', connecting: 'starting', waiting_to_retry: 'error', failed: 'error' };
const HELD_BACK = {
  nobody_checked_in: 'Waits until somebody is checked in',
  no_target: 'Nothing to stream to: add a target in the settings, or use one that is started',
};
const AWAY = 'The part for it is not running';

let news = null;
let status = null;
// By how much the camera's clock is ahead of this browser's.
let ahead = 0;
let isAsking = false;
let isWaiting = false;
const rows = new Map();

function sinceText({ since }) {
  return since ? duration(Math.max(0, Date.now() + ahead - since) / 1000) : '';
}

// Not every address that a provider gives is one to be opened.
function isLink(address) {
  return /^https?:\/\//i.test(address ?? '');
}

/* --- on the picture, for everybody ----------------------------------------------------------- */

function tell(event) {
  if (!news || news.live === event.live) return;
  const reason = event.wanted && event.last_error ? `: ${event.last_error}` : '';
  log(event.live ? 'Live stream is on air' : `Live stream is off the air${reason}`);
}

export function takeStream(event) {
  tell(event);
  news = event;
  showBadge();
  if (!may('stream')) return;
  showStream().catch(() => {});
}

function showBadge() {
  // A camera that says nothing any more does not say that it is on air.
  const isLive = Boolean(news?.live) && state.connected;
  $('air-badge').hidden = !isLive;
  if (isLive) $('air-badge').title = news.channel === 'annotated' ? 'Streamed with names' : 'Streamed';
}

/* --- targets --------------------------------------------------------------------------------- */

function makeButtons(name) {
  const [start, stop] = ['Start', 'Stop'].map((text) => {
    const button = element('button', `plain target-${text.toLowerCase()}`, text);
    button.type = 'button';
    button.setAttribute('aria-description', `of the target ${name}`);
    return button;
  });
  start.addEventListener('click', () => ask('/api/stream/start', { target: name }));
  askTwice(stop, () => ask('/api/stream/stop', { target: name }), 'Really stop?');
  const pair = element('div', 'target-buttons');
  pair.append(start, stop);
  return pair;
}

function makeRow(name) {
  const row = element('li', 'target');
  row.dataset.target = name;
  const head = element('div', 'target-head');
  head.append(element('span', 'dot'), element('strong', '', name), element('span', 'quiet target-kind'),
    element('span', 'target-state'), element('span', 'quiet target-since'));
  row.append(head, element('p', 'quiet target-address'), element('p', 'target-error'),
    element('dl', 'figures'), element('p', 'target-slate'), element('p', 'quiet target-provider'),
    element('p', 'target-links'), makeButtons(name));
  rows.set(name, row);
  return row;
}

function figuresOf(target) {
  const asked = target.target_kbps ? ` of ${target.target_kbps.toFixed(0)}` : '';
  return [
    ['Rate', `${target.fps.toFixed(1)} fps`],
    ['Bitrate', `${target.kbps.toFixed(0)}${asked} kbit/s`],
    ['Sent', `${(target.bytes_sent / MEBIBYTE).toFixed(1)} MiB`],
    ['Dropped', String(target.dropped)],
    ['Reconnects', String(target.reconnects)],
  ];
}

function showFigures(list, target) {
  const figures = figuresOf(target);
  if (!list.children.length) {
    for (const [name] of figures) {
      const pair = element('div');
      pair.append(element('dt', '', name), element('dd'));
      list.append(pair);
    }
  }
  figures.forEach(([, value], place) => setText(list.children[place].lastChild, value));
  list.hidden = !target.enabled;
}

function errorText(target) {
  if (!target.last_error) return '';
  if (target.state === 'live') return `Before that: ${target.last_error}`;
  if (target.state === 'failed') return `${target.last_error}. This needs you; it goes on by itself once that is mended.`;
  const tries = target.retries > 1 ? ` (attempt ${target.retries + 1})` : '';
  const left = target.since + target.next_try_s * 1000 - Date.now() - ahead;
  if (target.state !== 'waiting_to_retry') return target.last_error;
  return `${target.last_error}. Next try in ${Math.max(0, Math.ceil(left / 1000))} s${tries}`;
}

function providerText(target) {
  // What it said of another connection is old.
  if (target.state !== 'live') return '';
  const name = PROVIDERS[target.provider] || target.provider;
  if (target.provider_error) return `${name} cannot be asked: ${target.provider_error}`;
  if (!target.provider_known) return '';
  const issues = target.provider_issues.length ? `: ${target.provider_issues.join(', ')}` : '';
  const health = target.provider_healthy ? 'and finds nothing wrong with it' : `but finds something wrong${issues}`;
  const age = Math.max(0, Math.round((Date.now() + ahead - target.provider_checked) / 1000));
  return target.provider_active
    ? `${name} receives it ${health} (asked ${age} s ago)`
    : `${name} does not receive it (asked ${age} s ago)`;
}

function showLinks(line, target) {
  const links = [['Watch (HLS)', target.hls_url], ['Watch (WebRTC)', target.webrtc_url]]
    .filter(([, address]) => isLink(address));
  const key = JSON.stringify([links, target.playback_id]);
  if (line.dataset.shown === key) return;
  line.dataset.shown = key;
  line.replaceChildren(...links.map(([text, href]) => Object.assign(element('a', '', text), {
    href, target: '_blank', rel: 'noopener noreferrer',
  })));
  if (target.playback_id) line.append(element('span', 'quiet', `Playback id ${target.playback_id}`));
}

function isUsed(target) {
  return target.enabled && target.wanted;
}

function targetWord(target) {
  if (!target.enabled) return 'left out';
  return target.wanted ? words(target.state) : 'not started';
}

function showTarget(target, isOneOfSeveral) {
  const row = rows.get(target.name);
  const part = (name) => row.querySelector(`.target-${name}`);
  row.dataset.state = isUsed(target) ? TONES[target.state] || '' : '';
  setText(part('kind'), PROVIDERS[target.provider] || target.provider);
  setText(part('state'), targetWord(target));
  setText(part('since'), isUsed(target) && target.state !== 'idle' ? sinceText(target) : '');
  setText(part('address'), target.address || '');
  setText(part('error'), isUsed(target) ? errorText(target) : '');
  part('error').dataset.tone = target.state === 'live' ? 'quiet' : 'bad';
  showFigures(row.querySelector('.figures'), target);
  setText(part('slate'), target.slate ? 'The camera is away: a picture that says so is sent' : '');
  setText(part('provider'), target.enabled ? providerText(target) : '');
  showLinks(part('links'), target);
  const canPush = target.enabled && target.provider !== 'none';
  part('buttons').hidden = !isOneOfSeveral || !canPush;
  showPair(part('start'), part('stop'), { canStart: !target.wanted, canStop: target.wanted });
}

function showPair(start, stop, { canStart, canStop }) {
  start.hidden = !canStart;
  stop.hidden = !canStop;
  for (const button of [start, stop]) button.disabled = isWaiting || !status.running;
}

function showTargets() {
  const targets = status?.targets ?? [];
  for (const [name, row] of rows) {
    if (!targets.some((target) => target.name === name)) {
      row.remove();
      rows.delete(name);
    }
  }
  targets.forEach((target, place) => {
    const row = rows.get(target.name) ?? makeRow(target.name);
    const here = $('stream-targets').children[place];
    if (here !== row) $('stream-targets').insertBefore(row, here ?? null);
    showTarget(target, targets.length > 1);
  });
}

/* --- the card -------------------------------------------------------------------------------- */

function startable() {
  return status.targets.filter(({ enabled, provider, wanted }) => enabled && provider !== 'none' && !wanted);
}

function summary() {
  if (!status.running) return AWAY;
  if (!status.wanted) return 'Not started: nothing leaves the camera';
  if (status.held_back) return HELD_BACK[status.held_back] || words(status.held_back);
  const used = status.targets.filter(isUsed);
  const live = used.filter((target) => target.state === 'live').length;
  const left = startable().length;
  const others = left ? `, ${left} not started` : '';
  if (!live) return `Started, but no target receives it${others}`;
  if (used.length === 1 && !left) return 'The target receives it';
  return `${live} of ${used.length} targets receive it${others}`;
}

function stateWord() {
  if (!status.running) return 'silent';
  if (status.live) return 'on air';
  if (!status.wanted) return 'off';
  return status.held_back ? 'on hold' : words(status.state);
}

function tone() {
  if (!status.running) return 'silent';
  if (!status.wanted) return 'idle';
  if (status.held_back) return status.held_back === 'no_target' ? 'error' : 'starting';
  const isWhole = status.targets.every((target) => !isUsed(target) || target.state === 'live');
  return status.live && !isWhole ? 'degraded' : TONES[status.state] || 'idle';
}

function showCard() {
  if (!status) return;
  $('stream-state').dataset.state = tone();
  setText($('stream-state'), stateWord());
  setText($('stream-summary'), summary());
  const facts = [
    status.channel === 'annotated' ? 'with drawings and names' : 'without drawings',
    status.schedule === 'while_checked_in' ? 'only while somebody is checked in' : '',
    status.encoder,
    status.provider_event && `Livepeer told: ${status.provider_event}`,
  ];
  setText($('stream-facts'), status.running ? facts.filter(Boolean).join(' · ') : '');
  $('stream-facts').dataset.names = status.channel === 'annotated';
  const [start, stop] = [$('stream-start'), $('stream-stop')];
  showPair(start, stop, { canStart: !status.wanted || startable().length > 0, canStop: status.wanted });
  const all = status.targets.length > 1 ? ' all' : '';
  setText(start, `Start${all}`);
  // It may be asking whether that is really meant.
  if (!stop.classList.contains('sure')) setText(stop, `Stop${all}`);
  showTargets();
}

function take(answer) {
  ahead = answer.timestamp - Date.now();
  // Null: the right to see them has ended meanwhile.
  status = { ...answer, targets: answer.targets ?? [] };
  showCard();
}

// As it is now; what is asked for meanwhile is answered by the next event.
export async function showStream() {
  if (!may('view') || !may('stream') || isAsking || isWaiting) return;
  isAsking = true;
  try {
    take(await call('/api/stream/status'));
  } finally {
    isAsking = false;
  }
}

async function ask(path, body = {}) {
  if (isWaiting) return;
  const pressed = document.activeElement;
  isWaiting = true;
  setText($('stream-message'), '');
  showCard();
  try {
    take(await post(path, body));
  } catch (error) {
    setText($('stream-message'), error.message);
  }
  isWaiting = false;
  showCard();
  if (!pressed?.matches('#stream-start, #stream-stop, .target-buttons button')) return;
  // It may have given its place to the other of its pair.
  const other = pressed.nextElementSibling ?? pressed.previousElementSibling;
  (pressed.hidden ? other : pressed).focus();
}

export function startStream() {
  $('stream-start').addEventListener('click', () => ask('/api/stream/start'));
  askTwice($('stream-stop'), () => ask('/api/stream/stop'), 'Really stop?');
  startStreamSettings(() => { showStream().catch(() => {}); });
  setInterval(() => {
    showBadge();
    if (status?.targets && !document.hidden) showTargets();
  }, TICK_MS);
}
