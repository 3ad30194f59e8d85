// siws.js with wallets as browsers have them: what is asked of them, and what comes back.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const siws = await import(`${process.env.MMOMENT_WEB}/siws.js`);
const { testWallet } = await import(`${process.env.MMOMENT_WEB}/test-wallet.js`);
const { KEY_TEXT } = await import(`${process.env.MMOMENT_WEB}/vault.js`);
const memos = JSON.parse(readFileSync(`${process.env.MMOMENT_VECTORS}/memo.json`, 'utf8'));
const base64 = (bytes) => btoa(String.fromCharCode(...bytes));
const domain = 'camera.example:5002';
const seed = new Uint8Array(32).fill(7);
const full = await testWallet(seed);
const [account] = full.accounts;

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

// A wallet with only some of the features of the wallet for tests, or others in their place.
function walletWith(features) {
  const connect = full.features['standard:connect'];
  return { ...full, features: { 'standard:connect': connect, ...features } };
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
    await refused(() => siws.signIn(full, account, { message }, { domain }), 'bad_challenge');
  }
  for (const answer of [undefined, {}, { message: 7 }]) {
    await refused(() => siws.signIn(full, account, answer, { domain }), 'bad_challenge');
  }
});

test('a sign-in at another site or with another wallet is not signed', async () => {
  const elsewhere = { domain: 'camera.example' };
  await refused(() => siws.signIn(full, account, challenge(), elsewhere), 'wrong_domain');
  // In a browser without the argument: the page's own host. There is none here.
  await refused(() => siws.signIn(full, account, challenge()), 'wrong_domain');
  const other = await testWallet();
  const answer = challenge(other.accounts[0].address);
  await refused(() => siws.signIn(full, account, answer, { domain }), 'wrong_wallet');
});

test('a text without nonce is not for signing', async () => {
  const message = textFor(account.address).replace(/Nonce: .*\n/, '');
  await refused(() => siws.signIn(full, account, { message }, { domain }), 'bad_challenge');
});

test('by signIn the wallet writes the text, and what it signed comes back', async () => {
  let asked;
  const wallet = walletWith({
    'solana:signIn': {
      signIn: async (fields) => {
        asked = fields;
        return full.features['solana:signIn'].signIn({ ...fields, statement: 'Its own words' });
      },
    },
  });
  const signed = await siws.signIn(wallet, account, challenge(), { domain });
  assert.deepEqual(asked, siws.parseText(textFor(account.address)));
  assert.equal(signed.message, textFor(account.address).replace(/Check in.*/, 'Its own words'));
  assert.ok(await isGenuine(signed));
});

test('by signMessage the text itself is signed', async () => {
  const wallet = walletWith({ 'solana:signMessage': full.features['solana:signMessage'] });
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
  const made = await siws.memoTransaction(account.address, textFor(account.address));
  const answer = { ...challenge(), memo_transaction: base64(made) };
  const expected = { wallet_address: account.address, transaction: 'BAUG' };
  assert.deepEqual(await siws.signIn(wallet, account, answer, { domain }), expected);
  assert.deepEqual(asked, { account, transaction: made });
  const both = walletWith({ ...full.features, ...wallet.features });
  const how = { domain, byTransaction: true };
  assert.deepEqual(await siws.signIn(both, account, answer, how), expected);
  // It follows from the text: the camera need not send it.
  assert.deepEqual(await siws.signIn(both, account, challenge(), how), expected);
  await refused(() => siws.signIn(full, account, answer, how), 'wallet_cannot');
});

for (const { wallet, text, transaction } of memos.cases) {
  test(`makes the same transaction as Python: ${text.length} characters`, async () => {
    assert.equal(base64(await siws.memoTransaction(wallet, text)), transaction);
  });
}

test('a text too long for a transaction is not put into one', async () => {
  const { wallet, text } = memos.cases.at(-1);
  await refused(() => siws.memoTransaction(wallet, `${text}x`), 'bad_challenge');
});

test('a transfer is refused before the wallet sees it', async () => {
  let count = 0;
  const signTransaction = async () => {
    count += 1;
    return [{ signedTransaction: Uint8Array.of(4, 5, 6) }];
  };
  const wallet = walletWith({ 'solana:signTransaction': { signTransaction } });
  const made = await siws.memoTransaction(account.address, textFor(account.address));
  // 2 lamports to somebody, by the System program, whose address is 32 zeros.
  const toSomebody = [2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
  const somebody = new Uint8Array(32).fill(5);
  const transfer = Uint8Array.of(
    ...made.subarray(0, 65),
    ...[1, 0, 1, 3, ...account.publicKey, ...somebody, ...new Uint8Array(32)],
    ...made.subarray(133, 165),
    ...[1, 2, 2, 0, 1, toSomebody.length, ...toSomebody],
  );
  const others = [transfer, Uint8Array.of(...made, 0), made.map((byte, i) => byte ^ (i === 140))];
  const sent = [...others.map(base64), `${base64(made)} `, 'AQID', 7];
  for (const memo_transaction of sent) {
    const answer = { ...challenge(), memo_transaction };
    await refused(() => siws.signIn(wallet, account, answer, { domain }), 'bad_challenge');
  }
  assert.equal(count, 0);
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
  const sign = siws.messageSigner(full, account);
  const one = await sign(Uint8Array.of(1, 2, 3));
  assert.equal(one.length, 64);
  assert.deepEqual(await sign(Uint8Array.of(1, 2, 3)), one);
  await refused(() => siws.messageSigner(walletWith({}), account), 'wallet_cannot');
});

test('wallets that load before and after are found, others are left out', () => {
  const early = { ...full, name: 'early' };
  const late = { ...full, name: 'late' };
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
  announce({ ...full, name: 'too early for the event, so it listens for app-ready' });
  const found = [];
  siws.watchWallets((wallet) => found.push(wallet.name));
  announce(late);
  announce({ name: 'of another chain', features: { 'standard:connect': {}, 'evm:sign': {} } });
  assert.deepEqual(found, ['early', 'late']);
  delete globalThis.window;
});

test('connecting gives an account on Solana', async () => {
  assert.equal((await siws.connect(full)).address, account.address);
  const none = { ...account, chains: ['eip155:1'] };
  const connect = async () => ({ accounts: [none] });
  const wallet = { features: { 'standard:connect': { connect } } };
  await refused(() => siws.connect(wallet), 'wallet_cannot');
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
