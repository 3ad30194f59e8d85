// The live picture by the best way that works: H.264, else JPEG, else MJPEG. Whatever fails is tried
// again; a better way that failed is tried beside the one in use, which goes on until it is there.

import { JpegWay, MjpegWay, VideoWay } from './page-live-ways.js';

const WAYS = { h264: VideoWay, jpeg: JpegWay, mjpeg: MjpegWay };
const ENCODER = 'encoder_node';
const AUTO = 'auto';
// A picture that stands still for longer is not live.
const STILL_MS = 2000;
const WATCH_MS = 250;
const RETRY_FIRST_MS = 300;
const RETRY_LAST_MS = 8000;
// Of one way, before the next is taken.
const FAULTS_AT_MOST = 2;
const BETTER_FIRST_MS = 3000;
const BETTER_LAST_MS = 60_000;
// Whoever only looks into another tab for a moment finds the picture running.
const HIDDEN_MS = 10_000;
const AGES = 30;

// canvas, image: elements to show pictures in. tell: { moved() for the first picture after none,
// still(reason) once none comes any more, way(title, ageMs, reason) }.
export class LiveView {
  constructor(canvas, image, tell) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d', { alpha: false });
    this.image = image;
    this.tell = tell;
    this.choice = AUTO;
    this.reset();
    setInterval(() => this.watch(), WATCH_MS);
    document.addEventListener('visibilitychange', () => this.mind());
  }

  reset() {
    this.query = null;
    this.current = null;
    this.better = null;
    // Why a better way is not in use, and why nothing comes by this one.
    this.reason = '';
    this.trouble = '';
    this.isMoving = false;
    this.ages = [];
    this.retryMs = RETRY_FIRST_MS;
    this.betterMs = BETTER_FIRST_MS;
    this.faults = 0;
  }

  /* --- what the page asks for --------------------------------------------------------------- */

  show(query) {
    this.stop();
    this.query = query;
    if (!document.hidden) this.begin(this.names()[0]);
  }

  stop() {
    this.end(this.current);
    this.end(this.better);
    clearTimeout(this.retryTimer);
    clearTimeout(this.betterTimer);
    const { isMoving } = this;
    this.reset();
    if (isMoving) this.tell.still('');
    this.tellWay();
  }

  choose(choice) {
    this.choice = choice;
    if (this.query !== null) this.show(this.query);
  }

  // The ways to be tried, the best first; those that cannot be leave their reason.
  names() {
    if (this.choice !== AUTO) return [this.choice];
    return Object.keys(WAYS).filter((name) => {
      const why = WAYS[name].whyNot();
      if (why) this.reason ||= `${WAYS[name].title}: ${why}`;
      return !why;
    });
  }

  /* --- ways --------------------------------------------------------------------------------- */

  open(name) {
    const one = { name, shown: performance.now(), hasShown: false };
    one.way = new WAYS[name]({
      picture: (picture, age) => this.picture(one, picture, age),
      silent: (part, reason) => this.silent(one, part, reason),
      fault: (reason, isHopeless) => this.fault(one, reason, isHopeless),
    }, this.image);
    const why = WAYS[name].whyNot();
    // Not at once: whoever opens it has to know it first.
    if (why) setTimeout(() => this.fault(one, why, true));
    else one.way.start(this.query);
    return one;
  }

  end(one) {
    if (one) one.way.stop();
  }

  begin(name) {
    this.end(this.current);
    this.current = this.open(name);
    this.faults = 0;
    this.ages = [];
    this.showElement(name);
    this.tellWay();
  }

  showElement(name) {
    this.image.hidden = name !== 'mjpeg';
    this.canvas.hidden = name === 'mjpeg';
  }

  picture(one, picture, age) {
    if (one !== this.current && one !== this.better) return;
    if (one === this.better) this.settle();
    one.shown = performance.now();
    if (!one.hasShown) {
      one.hasShown = true;
      this.retryMs = RETRY_FIRST_MS;
      this.faults = 0;
      this.trouble = '';
    }
    if (picture) this.draw(picture, age);
    if (!this.isMoving) {
      this.isMoving = true;
      this.tell.moved();
      this.tellWay();
    }
  }

  draw({ drawable, width, height }, age) {
    const { canvas } = this;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    // At once: kept for the browser's next frame, it was shown 16 ms later. It is shown with that
    // frame, so only then it is known how old it is.
    this.context.drawImage(drawable, 0, 0);
    const { ages } = this;
    requestAnimationFrame(() => {
      const ms = age();
      if (ms === null) return;
      ages.push(ms);
      if (ages.length > AGES) ages.shift();
    });
  }

  // The better way works: it takes over.
  settle() {
    // Else the one that it takes over from would come back.
    clearTimeout(this.retryTimer);
    this.end(this.current);
    this.current = this.better;
    this.better = null;
    this.betterMs = BETTER_FIRST_MS;
    this.reason = '';
    this.ages = [];
    this.showElement(this.current.name);
    this.names();
    this.tellWay();
    this.tryBetter();
  }

  silent(one, part, reason) {
    const isEncoders = part === ENCODER;
    if (one === this.better) this.giveUpBetter();
    else if (one !== this.current) return;
    else if (isEncoders && this.hasWorse()) this.fallBack(reason);
    else this.still(reason);
  }

  fault(one, reason, isHopeless) {
    if (one === this.better) {
      this.giveUpBetter();
      return;
    }
    if (one !== this.current) return;
    this.faults += 1;
    if ((isHopeless || this.faults >= FAULTS_AT_MOST) && this.hasWorse()) {
      this.fallBack(reason);
      return;
    }
    if (isHopeless) this.still(reason);
    this.trouble = reason;
    this.retryTimer = setTimeout(() => {
      const { faults } = this;
      this.begin(one.name);
      this.faults = faults;
    }, this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, RETRY_LAST_MS);
  }

  hasWorse() {
    return this.current.name !== this.names().at(-1);
  }

  fallBack(reason) {
    const names = this.names();
    this.reason = `${WAYS[this.current.name].title}: ${reason}`;
    this.begin(names[names.indexOf(this.current.name) + 1]);
    this.tryBetter();
  }

  // From time to time, beside the way in use.
  tryBetter() {
    clearTimeout(this.betterTimer);
    const [best] = this.names();
    if (!this.current || this.current.name === best) return;
    this.betterTimer = setTimeout(() => { this.better = this.open(best); }, this.betterMs);
    this.betterMs = Math.min(this.betterMs * 2, BETTER_LAST_MS);
  }

  giveUpBetter() {
    this.end(this.better);
    this.better = null;
    this.tryBetter();
  }

  /* --- what is shown -------------------------------------------------------------------------- */

  still(reason) {
    this.isMoving = false;
    this.ages = [];
    this.tell.still(reason);
    this.tellWay();
  }

  watch() {
    const { current } = this;
    // Browsers do not say when they show the next picture of an MJPEG; the server sends one that says
    // that none comes.
    const isStill = performance.now() - (current?.shown ?? 0) > STILL_MS;
    if (this.isMoving && current?.name !== 'mjpeg' && isStill) this.still('no picture comes');
    if (current) this.tellWay();
  }

  tellWay() {
    const sorted = [...this.ages].sort((one, other) => one - other);
    const age = sorted.length ? sorted[sorted.length >> 1] : null;
    const title = this.current ? WAYS[this.current.name].title : '';
    this.tell.way(title, age, this.trouble || this.reason);
  }

  // Nobody looks at a tab that is hidden.
  mind() {
    clearTimeout(this.hiddenTimer);
    if (this.query === null) return;
    if (!document.hidden) {
      if (!this.current) this.show(this.query);
      return;
    }
    this.hiddenTimer = setTimeout(() => {
      const { query } = this;
      this.stop();
      this.query = query;
    }, HIDDEN_MS);
  }
}
