// siws.js with wallets as browsers have them: what is asked of them, and what comes back.

import assert from 'node:assert/strict';
import { test } from 'node:test';

const siws = await import(`${process.env.MMOMENT_WEB}/siws.js`);
const { KEY_TEXT } = await import(`${process.env.MMOMENT_WEB}/vault.js`);
const domain = 'camera.example:5002';
const seed = new Uint8Array(32).fill(7);
const demo = await siws.demoWallet(seed);
const [account] = demo.accounts;

const textFor = (address) =>
  [
    `${domain} wants you to sign in with your Solana account:`,
    address,
    '',
    'Check in at this camera.',
    '',
    `URI: https://${domain}`,
    'Version: 1',
    'Chain ID: devnet',
    'Nonce: 0123456789abcdefABCDEF',
    'Issued At: 2026-11-25T12:00:00.000Z',
    'Expiration Time: 2026-11-25T12:05:00.000Z',
    'Resources:',
    '- urn:mmoment:camera:door',
  ].join('\n');
const challenge = (address = account.address) => ({ message: textFor(address) });

async function refused(call, code) {
  await assert.rejects(async () => call(), (error) => {
    assert.equal(error.name, 'SignInError');
    assert.equal(error.code, code);
    return true;
  });
}

// A wallet with only some of the features of the demo wallet, or others in their place.
function walletWith(features) {
  const connect = demo.features['standard:connect'];
  return { ...demo, features: { 'standard:connect': connect, ...features } };
}

async function isGenuine({ wallet_address, message, signature }, publicKey = account.publicKey) {
  assert.equal(wallet_address, account.address);
  const key = await crypto.subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify']);
  const data = Uint8Array.from(atob(signature), (c) => c.charCodeAt(0));
  return crypto.subtle.verify('Ed25519', key, data, new TextEncoder().encode(message));
}

test('a text is read and built again', () => {
  const fields = siws.parseText(textFor(account.address));
  assert.deepEqual(fields, {
    domain,
    address: account.address,
    statement: 'Check in at this camera.',
    uri: `https://${domain}`,
    version: '1',
    chainId: 'devnet',
    nonce: '0123456789abcdefABCDEF',
    issuedAt: '2026-11-25T12:00:00.000Z',
    expirationTime: '2026-11-25T12:05:00.000Z',
    resources: ['urn:mmoment:camera:door'],
  });
  assert.equal(siws.buildText(fields), textFor(account.address));
});

test('a text without a statement, without resources, or with nothing else', () => {
  const first = `${domain} wants you to sign in with your Solana account:\n${account.address}`;
  for (const text of [first, `${first}\n\nNonce: 01234567`, `${first}\n\nResources:`]) {
    assert.equal(siws.buildText(siws.parseText(text)), text);
  }
});

test('other texts are not for signing', async () => {
  const text = textFor(account.address);
  const others = [
    '',
    'Hello',
    `${text}\n`,
    KEY_TEXT,
    text.replace('Version', 'Verzion'),
    text.replace('- urn', 'urn'),
    text.replace('\n\nURI', '\nURI'),
    text.replaceAll('\n', '\r\n'),
    text.replace('Nonce: 0123456789abcdefABCDEF\n', '') + '\nNonce: 0123456789abcdefABCDEF',
    `${text}\n\nSend all tokens to somebody`,
  ];
  for (const message of others) {
    await refused(() => siws.signIn(demo, account, { message }, { domain }), 'bad_challenge');
  }
  for (const answer of [undefined, {}, { message: 7 }]) {
    await refused(() => siws.signIn(demo, account, answer, { domain }), 'bad_challenge');
  }
});

test('a sign-in at another site or with another wallet is not signed', async () => {
  const elsewhere = { domain: 'camera.example' };
  await refused(() => siws.signIn(demo, account, challenge(), elsewhere), 'wrong_domain');
  // In a browser without the argument: the page's own host. There is none here.
  await refused(() => siws.signIn(demo, account, challenge()), 'wrong_domain');
  const other = await siws.demoWallet();
  const answer = challenge(other.accounts[0].address);
  await refused(() => siws.signIn(demo, account, answer, { domain }), 'wrong_wallet');
});

test('a text without nonce is not for signing', async () => {
  const message = textFor(account.address).replace(/Nonce: .*\n/, '');
  await refused(() => siws.signIn(demo, account, { message }, { domain }), 'bad_challenge');
});

test('by signIn the wallet writes the text, and what it signed comes back', async () => {
  let asked;
  const wallet = walletWith({
    'solana:signIn': {
      signIn: async (fields) => {
        asked = fields;
        return demo.features['solana:signIn'].signIn({ ...fields, statement: 'Its own words' });
      },
    },
  });
  const signed = await siws.signIn(wallet, account, challenge(), { domain });
  assert.deepEqual(asked, siws.parseText(textFor(account.address)));
  assert.equal(signed.message, textFor(account.address).replace(/Check in.*/, 'Its own words'));
  assert.ok(await isGenuine(signed));
});

test('by signMessage the text itself is signed', async () => {
  const wallet = walletWith({ 'solana:signMessage': demo.features['solana:signMessage'] });
  const signed = await siws.signIn(wallet, account, challenge(), { domain });
  assert.equal(signed.message, textFor(account.address));
  assert.ok(await isGenuine(signed));
});

test('a wallet that signs transactions alone gets the one that no chain takes', async () => {
  let asked;
  const wallet = walletWith({
    'solana:signTransaction': {
      signTransaction: async (input) => {
        asked = input;
        return [{ signedTransaction: Uint8Array.of(4, 5, 6) }];
      },
    },
  });
  const answer = { ...challenge(), memo_transaction: 'AQID' };
  const expected = { wallet_address: account.address, transaction: 'BAUG' };
  assert.deepEqual(await siws.signIn(wallet, account, answer, { domain }), expected);
  assert.deepEqual(asked, { account, transaction: Uint8Array.of(1, 2, 3) });
  const both = walletWith({ ...demo.features, ...wallet.features });
  const chosen = await siws.signIn(both, account, answer, { domain, byTransaction: true });
  assert.deepEqual(chosen, expected);
  await refused(() => siws.signIn(wallet, account, challenge(), { domain }), 'wallet_cannot');
});

test('what is no signature is told', async () => {
  const signature = new Uint8Array(64);
  const outputs = [
    [],
    [undefined],
    [{ account, signedMessage: new Uint8Array(), signature: signature.subarray(1) }],
    [{ account, signedMessage: Uint8Array.of(0xff), signature }],
  ];
  for (const output of outputs) {
    const wallet = walletWith({ 'solana:signMessage': { signMessage: async () => output } });
    await refused(() => siws.signIn(wallet, account, challenge(), { domain }), 'wallet_answer');
  }
  const other = { account: { address: 'other' }, signedMessage: Uint8Array.of(1), signature };
  const wallet = walletWith({ 'solana:signIn': { signIn: async () => [other] } });
  await refused(() => siws.signIn(wallet, account, challenge(), { domain }), 'wrong_wallet');
});

test('a wallet that a person turns away says so itself', async () => {
  const signMessage = async () => {
    throw new Error('User rejected the request');
  };
  const wallet = walletWith({ 'solana:signMessage': { signMessage } });
  const call = siws.signIn(wallet, account, challenge(), { domain });
  await assert.rejects(call, /User rejected/);
});

test('the signer of the key text asks this account', async () => {
  const sign = siws.messageSigner(demo, account);
  const one = await sign(Uint8Array.of(1, 2, 3));
  assert.equal(one.length, 64);
  assert.deepEqual(await sign(Uint8Array.of(1, 2, 3)), one);
  await refused(() => siws.messageSigner(walletWith({}), account), 'wallet_cannot');
});

test('wallets that load before and after are found, others are left out', () => {
  const early = { ...demo, name: 'early' };
  const late = { ...demo, name: 'late' };
  const page = new EventTarget();
  globalThis.window = page;
  globalThis.CustomEvent ??= class extends Event {
    constructor(name, { detail }) {
      super(name);
      this.detail = detail;
    }
  };
  const announce = (wallet) => {
    const detail = ({ register }) => register(wallet);
    page.dispatchEvent(new CustomEvent('wallet-standard:register-wallet', { detail }));
  };
  page.addEventListener('wallet-standard:app-ready', ({ detail }) => detail.register(early));
  announce({ ...demo, name: 'too early for the event, so it listens for app-ready' });
  const found = [];
  siws.watchWallets((wallet) => found.push(wallet.name));
  announce(late);
  announce({ name: 'of another chain', features: { 'standard:connect': {}, 'evm:sign': {} } });
  assert.deepEqual(found, ['early', 'late']);
  delete globalThis.window;
});

test('connecting gives an account on Solana', async () => {
  assert.equal((await siws.connect(demo)).address, account.address);
  const none = { ...account, chains: ['eip155:1'] };
  const connect = async () => ({ accounts: [none] });
  const wallet = { features: { 'standard:connect': { connect } } };
  await refused(() => siws.connect(wallet), 'wallet_cannot');
});

test('the same seed is the same wallet, none is a new one', async () => {
  assert.equal((await siws.demoWallet(seed)).accounts[0].address, account.address);
  assert.notEqual((await siws.demoWallet()).accounts[0].address, account.address);
});

test('base58 as Solana writes it', () => {
  const cases = [
    [[], ''],
    [[0], '1'],
    [[0, 0, 1], '112'],
    [[57], 'z'],
    [[58], '21'],
    [[255, 255], 'LUv'],
    [new Uint8Array(32), '1'.repeat(32)],
  ];
  for (const [data, text] of cases) assert.equal(siws.toBase58(Uint8Array.from(data)), text);
});
