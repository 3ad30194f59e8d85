// What people agree to before their face is kept. Another text is another version: what was agreed
// to is recorded by it, so never change one without the other.

export const CONSENT_VERSION = '2026-11-1';

export const CONSENT_TEXT = [
  'The camera makes a template of my face, and no picture is kept.',
  'The template is sealed with a key that only I have. The camera stores it, and cannot read it '
    + 'unless I check in and hand it the key for that visit.',
  'While I am checked in, the camera recognises me in its picture. When I check out, it wipes the '
    + 'template from its memory.',
  'I can withdraw at any time with Forget me: the template, my name and my wallet address are erased.',
];
