// What people agree to before their face is kept, by who keeps the key. Another text is another
// version: what was agreed to is recorded by it, so never change one without the other. The versions
// that the camera takes stand in consent_texts.py.

const TEMPLATE = 'The camera makes a template of my face, and no picture is kept.';
const RECOGNITION = 'While I am checked in, the camera recognises me in its picture. When I check '
  + 'out, it wipes the template from its memory.';
const WITHDRAWAL = 'I can withdraw at any time with Forget me: the template, my name and my wallet '
  + 'address are erased.';

const OWN_KEY = {
  version: '2026-11-1',
  text: [
    TEMPLATE,
    'The template is sealed with a key that only I have. The camera stores it, and cannot read it '
      + 'unless I check in and hand it the key for that visit.',
    RECOGNITION,
    WITHDRAWAL,
  ],
};
const CAMERA_KEY = {
  version: '2026-11-1-camera',
  text: [
    TEMPLATE,
    'The template is sealed with a key of this camera, which stores both. Whoever controls the '
      + 'camera could open it at any time, also while I am not there.',
    RECOGNITION,
    WITHDRAWAL,
  ],
};

export const CONSENTS = { user: OWN_KEY, passphrase: OWN_KEY, camera: CAMERA_KEY };
