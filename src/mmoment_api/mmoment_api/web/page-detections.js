// Faces, hands and gestures: the list of what is seen, the gesture that is held, and what happens.

import { $, element, freshFaces, freshHands, log, setText, shortName, state, words } from './page-common.js';

const MOVEMENT_SHOWN_MS = 1200;

export function renderDetections() {
  const faces = freshFaces();
  const hands = freshHands();
  const rows = [...faces.map(faceRow), ...hands.map((hand) => handRow(hand, faces))];
  setText($('people-count'), String(rows.length));
  $('people').replaceChildren(...(rows.length ? rows : [element('li', 'empty', 'Nobody in view')]));
  renderGesture(hands);
}

function row(kind, who, what) {
  const item = element('li');
  item.append(element('span', 'kind', kind), who, element('span', 'what', what));
  return item;
}

function nameOf(identity) {
  if (!identity) return element('span', 'quiet', 'unknown');
  const name = element('span', 'name', shortName(identity));
  name.title = identity;
  return name;
}

function faceRow(face) {
  const age = `${face.age_s.toFixed(0)} s`;
  const sure = face.identity
    ? `alike ${face.similarity.toFixed(2)}`
    : `${Math.round(face.score * 100)} %`;
  const item = row(`Face ${face.track_id}`, nameOf(face.identity), `${sure} · ${age}`);
  item.dataset.face = face.track_id;
  return item;
}

function handRow(hand, faces) {
  const side = hand.handedness ? `${hand.handedness} hand` : 'hand';
  const figures = [hand.gesture ? words(hand.gesture) : 'no gesture'];
  if (hand.gesture) figures.push(`${Math.round(hand.confidence * 100)} %`);
  if (hand.hold_progress > 0 && hand.hold_progress < 1) {
    figures.push(`holding ${Math.round(hand.hold_progress * 100)} %`);
  }
  const owner = faces.find((face) => face.track_id === hand.face_track_id);
  const who = owner?.identity ? nameOf(owner.identity) : element('span', 'quiet', owner ? `face ${owner.track_id}` : '');
  return row(`${side[0].toUpperCase()}${side.slice(1)} ${hand.track_id}`, who, figures.join(' · '));
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
  if (state.movement && Date.now() - state.movement.heard < MOVEMENT_SHOWN_MS) best = state.movement;
  setText($('gesture-name'), best ? words(best.name) : 'none');
  $('gesture-confidence').value = best ? best.confidence : 0;
  setText($('gesture-percent'), best ? `${Math.round(best.confidence * 100)} %` : '');
  $('gesture-badge').hidden = !best;
  if (best) setText($('gesture-badge'), words(best.name));
}

function by(identity) {
  return identity ? ` by ${shortName(identity)}` : '';
}

export function takeGesture(gesture) {
  const name = words(gesture.gesture);
  const percent = `${Math.round(gesture.confidence * 100)} %`;
  if (gesture.phase === 'begin') {
    state.held.set(gesture.hand_track_id, gesture);
    log(`Gesture ${name}${by(gesture.identity)} begins (${percent})`);
  } else if (gesture.phase === 'moved') {
    state.movement = { name: gesture.gesture, confidence: gesture.confidence, heard: Date.now() };
    log(`Movement ${name}${by(gesture.identity)} (${percent})`);
  } else {
    state.held.delete(gesture.hand_track_id);
    log(`Gesture ${name}${by(gesture.identity)} ends after ${gesture.held_s.toFixed(1)} s`);
  }
}

export function takeGestureAction(event) {
  const action = words(event.action);
  const who = event.identity ? shortName(event.identity) : 'this person';
  const texts = {
    requested: `${action} asked for${by(event.identity)} with ${words(event.gesture)}`,
    no_owner: `No ${action}: nobody knows whose hand shows ${words(event.gesture)}`,
    no_right: `No ${action}: ${who} lacks the right ${event.right}`,
    cool_down: `No ${action}: ${who} asked for one a moment ago`,
  };
  const text = texts[event.outcome] || `${action}: ${words(event.outcome)}`;
  log(text[0].toUpperCase() + text.slice(1));
}
