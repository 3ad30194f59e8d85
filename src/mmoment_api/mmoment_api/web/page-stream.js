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
  no_target: 'Nothing to stream to: add a target in the settings',
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

function makeRow(name) {
  const row = element('li', 'target');
  row.dataset.target = name;
  const head = element('div', 'target-head');
  head.append(element('span', 'dot'), element('strong', '', name), element('span', 'quiet target-kind'),
    element('span', 'target-state'), element('span', 'quiet target-since'));
  row.append(head, element('p', 'quiet target-address'), element('p', 'target-error'),
    element('dl', 'figures'), element('p', 'target-slate'), element('p', 'quiet target-provider'),
    element('p', 'target-links'));
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

function showTarget(target) {
  const row = rows.get(target.name);
  const part = (name) => row.querySelector(`.target-${name}`);
  row.dataset.state = target.enabled ? TONES[target.state] || '' : '';
  setText(part('kind'), PROVIDERS[target.provider] || target.provider);
  setText(part('state'), target.enabled ? words(target.state) : 'left out');
  setText(part('since'), target.enabled && target.state !== 'idle' ? sinceText(target) : '');
  setText(part('address'), target.address || '');
  setText(part('error'), target.enabled ? errorText(target) : '');
  part('error').dataset.tone = target.state === 'live' ? 'quiet' : 'bad';
  showFigures(row.querySelector('.figures'), target);
  setText(part('slate'), target.slate ? 'The camera is away: a picture that says so is sent' : '');
  setText(part('provider'), target.enabled ? providerText(target) : '');
  showLinks(part('links'), target);
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
    showTarget(target);
  });
}

/* --- the card -------------------------------------------------------------------------------- */

function summary() {
  if (!status.running) return AWAY;
  if (!status.wanted) return 'Not started: nothing leaves the camera';
  if (status.held_back) return HELD_BACK[status.held_back] || words(status.held_back);
  const used = status.targets.filter((target) => target.enabled);
  const live = used.filter((target) => target.state === 'live').length;
  if (!live) return 'Started, but no target receives it';
  return used.length === 1 ? 'The target receives it' : `${live} of ${used.length} targets receive it`;
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
  const isWhole = status.targets.every((target) => !target.enabled || target.state === 'live');
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
  $('stream-start').hidden = status.wanted;
  $('stream-stop').hidden = !status.wanted;
  for (const button of [$('stream-start'), $('stream-stop')]) button.disabled = isWaiting || !status.running;
  showTargets();
}

function take(answer) {
  ahead = answer.timestamp - Date.now();
  status = answer;
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

async function ask(path) {
  if (isWaiting) return;
  const hadFocus = document.activeElement;
  isWaiting = true;
  setText($('stream-message'), '');
  showCard();
  try {
    take(await post(path, {}));
  } catch (error) {
    setText($('stream-message'), error.message);
  }
  isWaiting = false;
  showCard();
  // The button that was pressed has given its place to the other.
  if ([$('stream-start'), $('stream-stop')].includes(hadFocus)) {
    (status?.wanted ? $('stream-stop') : $('stream-start')).focus();
  }
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
