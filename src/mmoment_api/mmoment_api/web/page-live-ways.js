// The ways that live pictures take to the page. Each has start(query) and stop(), and tells
// picture(drawable, ageOf, free), silent(part, reason) and fault(reason, isHopeless).

import { PictureSocket, whyRefused } from './page-live-socket.js';

// A decoder for which more than this waits for so long does not keep up. At the beginning it has to
// catch up with what came since the last keyframe.
const WAITING_AT_MOST = 4;
const BEHIND_MS = 400;
// For its first picture: a busy machine takes long to open a decoder, and would take as long for
// another one.
const OPENING_MS = 3000;
const DECODER_FAULTS_AT_MOST = 3;
const DECODER_FAULTS_WITHIN_MS = 20_000;
const SEQUENCES = 2 ** 32;

/* --- H.264 over WebSocket, decoded by WebCodecs --------------------------------------------- */

export class VideoWay {
  static title = 'H.264';

  // Empty: it can be tried.
  static whyNot() {
    if (!window.WebSocket) return 'this browser has no WebSocket';
    if (!window.isSecureContext) return 'browsers decode video only on pages that came by https';
    return window.VideoDecoder ? '' : 'this browser has no WebCodecs';
  }

  constructor(tell) {
    this.tell = tell;
    this.faults = [];
    this.newest = null;
    this.turn = new MessageChannel();
    this.turn.port1.onmessage = () => this.show();
  }

  start(query) {
    this.socket = new PictureSocket(`/api/live/video?${query}`, {
      start: (start) => this.begin(start),
      picture: (picture) => this.decode(picture),
      silent: ({ part, reason }) => this.tell.silent(part, reason),
      end: (reason) => this.fail(reason),
    });
  }

  stop() {
    this.socket?.close();
    this.socket = null;
    this.endDecoder();
  }

  begin({ codec }) {
    this.endDecoder();
    this.codec = codec;
    const decoder = new VideoDecoder({
      output: (frame) => this.keep(decoder, frame),
      error: (error) => { if (this.decoder === decoder) this.recover(error); },
    });
    this.decoder = decoder;
    this.last = null;
    // When it was first given something: a camera may have nothing to give for long.
    this.fed = null;
    // When it last kept up; not before its first picture.
    this.inTime = null;
    try {
      decoder.configure({ codec, optimizeForLatency: true });
    } catch (error) {
      this.fail(`this browser does not decode ${codec}: ${error.message}`, true);
    }
  }

  decode({ key, sequence, capturedUs, data }) {
    if (!this.decoder) return;
    const follows = this.last !== null && sequence === (this.last + 1) % SEQUENCES;
    if (!key && !follows) {
      // The server leaves nothing out but up to a keyframe, so this is a decoder that began anew.
      return;
    }
    const now = performance.now();
    if (this.inTime === null) {
      if (now - (this.fed ?? now) > OPENING_MS) {
        this.fail('the decoder of this browser gives no picture');
        return;
      }
    } else if (this.decoder.decodeQueueSize <= WAITING_AT_MOST) {
      this.inTime = now;
    } else if (now - this.inTime > BEHIND_MS) {
      this.begin({ codec: this.codec });
      this.socket.say({ type: 'keyframe' });
      return;
    }
    this.last = sequence;
    try {
      const type = key ? 'key' : 'delta';
      this.decoder.decode(new EncodedVideoChunk({ type, timestamp: capturedUs, data }));
      this.fed ??= now;
    } catch (error) {
      this.recover(error);
    }
  }

  // Drawing takes longer than decoding. The turn comes behind what else is decoded already, so that a
  // busy browser draws the newest only; another waits for nothing.
  keep(decoder, frame) {
    if (this.decoder !== decoder) {
      frame.close();
      return;
    }
    this.inTime ??= performance.now();
    if (this.newest) this.newest.close();
    else this.turn.port2.postMessage(null);
    this.newest = frame;
  }

  show() {
    const { newest: frame, socket } = this;
    this.newest = null;
    if (!frame) return;
    const { timestamp, displayWidth: width, displayHeight: height } = frame;
    this.tell.picture({ drawable: frame, width, height }, () => socket.age(timestamp));
    frame.close();
  }

  // A decoder that failed is of no more use; another begins at a keyframe.
  recover(error) {
    const now = performance.now();
    this.faults = this.faults.filter((at) => now - at < DECODER_FAULTS_WITHIN_MS);
    this.faults.push(now);
    if (this.faults.length >= DECODER_FAULTS_AT_MOST) {
      this.fail(`the decoder of this browser fails: ${error.message}`, true);
      return;
    }
    this.begin({ codec: this.codec });
    this.socket?.say({ type: 'keyframe' });
  }

  endDecoder() {
    const { decoder } = this;
    this.decoder = null;
    this.newest?.close();
    this.newest = null;
    if (decoder && decoder.state !== 'closed') decoder.close();
  }

  fail(reason, isHopeless = false) {
    this.stop();
    this.tell.fault(reason, isHopeless);
  }
}

/* --- JPEG over WebSocket -------------------------------------------------------------------- */

export class JpegWay {
  static title = 'JPEG';

  static whyNot() {
    return window.WebSocket ? '' : 'this browser has no WebSocket';
  }

  constructor(tell) {
    this.tell = tell;
  }

  start(query) {
    this.isDecoding = false;
    this.socket = new PictureSocket(`/api/live/jpeg?${query}`, {
      picture: (picture) => this.decode(picture),
      end: (reason) => this.tell.fault(reason, false),
    });
  }

  stop() {
    this.socket?.close();
    this.socket = null;
  }

  // While one is decoded, only the newest waits.
  async decode(picture) {
    const { socket } = this;
    this.waiting = picture;
    if (this.isDecoding) return;
    this.isDecoding = true;
    while (this.waiting && this.socket === socket) {
      const { capturedUs, data } = this.waiting;
      this.waiting = null;
      try {
        const drawable = await createImageBitmap(new Blob([data], { type: 'image/jpeg' }));
        if (this.socket === socket) {
          const { width, height } = drawable;
          this.tell.picture({ drawable, width, height }, () => socket.age(capturedUs));
        }
        drawable.close();
      } catch {
        // One picture is of no use; the next stands for itself.
      }
    }
    if (this.socket === socket) this.isDecoding = false;
  }
}

/* --- MJPEG in an image, which every browser shows ------------------------------------------- */

export class MjpegWay {
  static title = 'MJPEG';

  static whyNot() {
    return '';
  }

  constructor(tell, image) {
    this.tell = tell;
    this.image = image;
  }

  start(query) {
    this.image.onload = () => this.tell.picture(null, () => null);
    // `_t` makes each connection a new address, so that a broken picture is really asked for again.
    const address = `/mjpeg-stream?${query}&_t=${Date.now()}`;
    this.image.onerror = async () => {
      const reason = await whyRefused() || 'no connection';
      if (this.image.getAttribute('src') === address) this.tell.fault(reason, false);
    };
    this.image.src = address;
  }

  stop() {
    this.image.onload = null;
    this.image.onerror = null;
    // Only this ends the connection.
    this.image.removeAttribute('src');
  }
}
