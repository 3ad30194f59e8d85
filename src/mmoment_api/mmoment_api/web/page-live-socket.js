// A WebSocket with pictures: what comes over it, how old that is, and whether it is alive. The format
// stands in live_wire.py.

const HEAD_BYTES = 24;
const KEYFRAME = 1;
// The server says something at least once a second, also when no pictures come.
const DEAD_MS = 4000;
const WATCH_MS = 500;
const CLOCK_FIRST_MS = [0, 60, 120, 250, 500];
const CLOCK_PERIOD_MS = 10_000;
const CLOCK_SAMPLES = 12;

// What the clock of the camera shows, from questions and answers. The shortest round trip is right by
// half of it, whichever way it lost its time.
class CameraClock {
  constructor(ask) {
    this.ask = ask;
    this.samples = [];
    this.timers = CLOCK_FIRST_MS.map((ms) => setTimeout(ask, ms));
    this.timer = setInterval(ask, CLOCK_PERIOD_MS);
  }

  take({ sent, monotonic_us: camera }) {
    const now = performance.now();
    this.samples.push({ trip: now - sent, offset: camera / 1000 - (sent + now) / 2 });
    if (this.samples.length > CLOCK_SAMPLES) this.samples.shift();
  }

  // Milliseconds since a picture was taken; null: not known yet.
  age(capturedUs) {
    if (!this.samples.length) return null;
    const best = this.samples.reduce((one, other) => (other.trip < one.trip ? other : one));
    return performance.now() + best.offset - capturedUs / 1000;
  }

  stop() {
    this.timers.forEach(clearTimeout);
    clearInterval(this.timer);
  }
}

// Browsers do not say why a WebSocket, or a picture, was refused. Empty: it was not.
export async function whyRefused() {
  try {
    const answer = await fetch('/api/live', { cache: 'no-store' });
    return answer.ok ? '' : (await answer.json()).message;
  } catch {
    return '';
  }
}

// hear: { start(text), picture({ key, sequence, capturedUs, data }), silent(text), end(reason) }; after
// `end` or `close` nothing more is heard.
export class PictureSocket {
  constructor(path, hear) {
    this.hear = hear;
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    this.socket = new WebSocket(`${scheme}://${location.host}${path}`);
    this.socket.binaryType = 'arraybuffer';
    this.socket.onmessage = ({ data }) => this.take(data);
    this.socket.onopen = () => {
      this.clock = new CameraClock(() => this.say({ type: 'clock', sent: performance.now() }));
    };
    this.socket.onclose = async ({ wasClean }) => {
      if (wasClean) this.end('the camera ended it');
      else this.end((!this.clock && await whyRefused()) || 'no connection');
    };
    this.heard = performance.now();
    this.watch = setInterval(() => {
      if (performance.now() - this.heard > DEAD_MS) this.end('nothing comes');
    }, WATCH_MS);
  }

  say(text) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(text));
  }

  age(capturedUs) {
    return this.clock ? this.clock.age(capturedUs) : null;
  }

  close() {
    this.hear = null;
    clearInterval(this.watch);
    this.clock?.stop();
    this.socket.close();
  }

  end(reason) {
    const { hear } = this;
    if (!hear) return;
    this.close();
    hear.end(reason);
  }

  take(data) {
    if (!this.hear) return;
    this.heard = performance.now();
    if (typeof data === 'string') {
      const text = JSON.parse(data);
      if (text.type === 'clock') this.clock.take(text);
      else this.hear[text.type]?.(text);
      return;
    }
    const view = new DataView(data);
    this.hear.picture({
      key: (view.getUint8(1) & KEYFRAME) !== 0,
      sequence: view.getUint32(4),
      capturedUs: Math.round(Number(view.getBigUint64(16)) / 1000),
      data: new Uint8Array(data, HEAD_BYTES),
    });
  }
}
