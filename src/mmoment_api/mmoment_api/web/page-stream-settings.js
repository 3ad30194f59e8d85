// Where the stream goes, when, and with what: for the owner. A key is never typed here.

import { $, askTwice, call, send, setText } from './page-common.js';

const PATH = '/api/stream/settings';
// How the part that refuses a target names it.
const NAMED = /\btarget (?:number (\d+)|([\w-]+)):?/i;
const COUNTED = /^targets\.(\d+)\./;
const FIELDS = ['name', 'provider', 'url', 'key_file', 'stream_id'];
const SWITCHES = ['silent_audio', 'enabled'];

let changed = () => {};

function say(text, tone = 'bad') {
  $('stream-setup-message').dataset.tone = tone;
  setText($('stream-setup-message'), text);
}

function forms() {
  return [...$('stream-target-forms').children];
}

function field(form, name) {
  return form.querySelector(`[name="${name}"]`);
}

/* --- one target ------------------------------------------------------------------------------ */

// Livepeer names the address itself, and only there a stream can be chosen.
function showFields(form) {
  const provider = field(form, 'provider').value;
  for (const node of form.querySelectorAll('[data-of]')) node.hidden = !node.dataset.of.split(' ').includes(provider);
  setText(form.querySelector('.key-text'), provider === 'livepeer' ? 'File with the API key' : 'File with the stream key');
  const name = field(form, 'name').value.trim();
  form.querySelector('.target-remove').setAttribute('aria-label', `Remove ${name || 'this target'}`);
}

function addTarget(target) {
  const form = $('target-template').content.firstElementChild.cloneNode(true);
  for (const name of FIELDS) field(form, name).value = target[name];
  for (const name of SWITCHES) field(form, name).checked = target[name];
  form.addEventListener('input', () => { form.dataset.invalid = false; });
  for (const name of ['name', 'provider']) field(form, name).addEventListener('change', () => showFields(form));
  form.querySelector('.target-remove').addEventListener('click', () => {
    form.remove();
    showEmpty();
    $('target-add').focus();
  });
  showFields(form);
  $('stream-target-forms').append(form);
  showEmpty();
  return form;
}

function targetOf(form) {
  const target = {};
  for (const name of FIELDS) {
    const input = field(form, name);
    target[name] = input.closest('[hidden]') ? '' : input.value.trim();
  }
  for (const name of SWITCHES) target[name] = field(form, name).checked;
  return target;
}

/* --- all ------------------------------------------------------------------------------------- */

function showEmpty() {
  $('stream-no-targets').hidden = forms().length > 0;
}

function showWarning() {
  $('stream-names-warning').hidden = $('stream-channel').value !== 'annotated';
}

function show(settings) {
  $('stream-target-forms').replaceChildren();
  settings.targets.forEach(addTarget);
  $('stream-channel').value = settings.channel;
  $('stream-schedule').value = settings.schedule;
  $('stream-bitrate').value = settings.bitrate_kbps || '';
  setText($('key-folder'), settings.key_folder);
  showEmpty();
  showWarning();
  $('stream-form').hidden = false;
}

async function load() {
  say('');
  try {
    show(await call(PATH));
  } catch (error) {
    $('stream-form').hidden = true;
    say(error.message);
  }
}

// The target that a refusal is about.
function blame({ message, answer }) {
  const counted = COUNTED.exec(answer?.field ?? '');
  const [, number, name] = NAMED.exec(message) ?? [];
  const place = counted ? Number(counted[1]) : Number(number) - 1;
  const form = name ? forms().find((one) => field(one, 'name').value.trim() === name) : forms()[place];
  if (!form) return;
  form.dataset.invalid = true;
  field(form, 'name').focus();
}

async function change(work, done) {
  const buttons = [$('stream-save'), $('stream-forget')];
  for (const button of buttons) button.disabled = true;
  say('');
  try {
    show(await work());
    say(done, 'ok');
    changed();
  } catch (error) {
    say(error.message);
    blame(error);
  }
  for (const button of buttons) button.disabled = false;
}

function save(event) {
  event.preventDefault();
  for (const form of forms()) form.dataset.invalid = false;
  change(() => send('PATCH', PATH, {
    channel: $('stream-channel').value,
    schedule: $('stream-schedule').value,
    bitrate_kbps: Number($('stream-bitrate').value) || 0,
    targets: forms().map(targetOf),
  }), 'Saved. It outlasts restarts.');
}

export function startStreamSettings(whenChanged) {
  changed = whenChanged;
  $('stream-setup').addEventListener('toggle', () => { if ($('stream-setup').open) load(); });
  $('stream-form').addEventListener('submit', save);
  $('stream-channel').addEventListener('change', showWarning);
  $('target-add').addEventListener('click', () => {
    const form = addTarget({
      name: '', provider: 'rtmp', url: '', key_file: '', stream_id: '', silent_audio: false, enabled: true,
    });
    field(form, 'name').focus();
  });
  askTwice($('stream-forget'), () => {
    change(() => call(PATH, { method: 'DELETE' }), 'The parameters of the node count again');
  }, 'Really discard these?');
}
