// Sign-in with a Solana wallet: asks a browser wallet to sign what the camera asked for.
//
// Wallets come by the Wallet Standard: window events, and the features 'solana:signIn',
// 'solana:signMessage' and 'solana:signTransaction'. Nothing here is secret, and the camera trusts
// none of it: it checks what comes back. Still the text is looked at before a wallet gets it, so
// that a camera cannot have something else signed; a transaction is made here, of the text alone.
// Whatever is refused is a SignInError with a stable code.

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const FIRST_LINE_ENDING = ' wants you to sign in with your Solana account:';
const RESOURCES_LINE = 'Resources:';
// Lines of the text in their order, and how the Wallet Standard names them.
const FIELDS = [
  ['URI: ', 'uri'],
  ['Version: ', 'version'],
  ['Chain ID: ', 'chainId'],
  ['Nonce: ', 'nonce'],
  ['Issued At: ', 'issuedAt'],
  ['Expiration Time: ', 'expirationTime'],
  ['Not Before: ', 'notBefore'],
  ['Request ID: ', 'requestId'],
];

// A transaction that carries a text, as memo_sign_in.py describes it; test vectors hold both to it.
const MEMO_PROGRAM = 'MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr';
const BLOCK_HASH_PURPOSE = 'Mmoment sign-in, not for any block\0';
const ADDRESS_BYTES = 32;
const SIGNATURE_BYTES = 64;
// What a Solana transaction may have at most: the payload of one packet.
const LARGEST_TRANSACTION = 1232;

const SENTENCES = {
  bad_challenge: 'The camera sent no sign-in that this page understands',
  wrong_domain: 'The camera asks for a sign-in at another site than this page',
  wrong_wallet: 'The camera asks for a sign-in with another wallet',
  wallet_cannot: 'This wallet cannot sign in here: it offers no way to sign that this page knows',
  wallet_answer: 'The wallet did not answer with a signature',
};

export class SignInError extends Error {
  constructor(code) {
    super(SENTENCES[code]);
    this.name = 'SignInError';
    this.code = code;
  }
}

/* --- the text ------------------------------------------------------------------------------ */

// Fields of a sign-in text, as 'solana:signIn' takes them. Only what buildText makes again.
export function parseText(text) {
  const lines = text.split('\n');
  const fields = { domain: lines[0].slice(0, -FIRST_LINE_ENDING.length), address: lines[1] };
  let at = 2;
  if (lines[2] === '' && lines[4] === '') {
    fields.statement = lines[3];
    at = 4;
  }
  if (lines[at] === '') at += 1;
  for (const [key, name] of FIELDS) {
    if (lines[at]?.startsWith(key)) {
      fields[name] = lines[at].slice(key.length);
      at += 1;
    }
  }
  if (lines[at] === RESOURCES_LINE) {
    fields.resources = lines.slice(at + 1).map((line) => line.slice(2));
  }
  if (buildText(fields) !== text) throw new SignInError('bad_challenge');
  return fields;
}

export function buildText(fields) {
  const lines = [`${fields.domain}${FIRST_LINE_ENDING}`, fields.address];
  if (fields.statement !== undefined) lines.push('', fields.statement);
  const known = FIELDS.filter(([, name]) => fields[name] !== undefined);
  const more = known.map(([key, name]) => `${key}${fields[name]}`);
  if (fields.resources !== undefined) {
    more.push(RESOURCES_LINE, ...fields.resources.map((resource) => `- ${resource}`));
  }
  if (more.length > 0) lines.push('', ...more);
  return lines.join('\n');
}

// Fields of the camera's answer to a request for a challenge ({ message, ... }), if it is what it
// should be: for this page and this wallet.
export function readChallenge(answer, address, domain = globalThis.location?.host) {
  if (typeof answer?.message !== 'string') throw new SignInError('bad_challenge');
  const fields = parseText(answer.message);
  if (fields.domain !== domain) throw new SignInError('wrong_domain');
  if (fields.address !== address) throw new SignInError('wrong_wallet');
  if (!fields.nonce || !fields.uri) throw new SignInError('bad_challenge');
  return fields;
}

/* --- wallets ------------------------------------------------------------------------------- */

// Tells `found` of every wallet of this browser, now and when one loads later.
export function watchWallets(found) {
  const register = (...wallets) => {
    wallets.filter(canSignIn).forEach((wallet) => found(wallet));
    return () => {};
  };
  const api = Object.freeze({ register });
  window.addEventListener('wallet-standard:register-wallet', ({ detail }) => detail(api));
  window.dispatchEvent(new CustomEvent('wallet-standard:app-ready', { detail: api }));
}

export function canSignIn(wallet) {
  const features = wallet?.features ?? {};
  const ways = ['solana:signIn', 'solana:signMessage', 'solana:signTransaction'];
  return 'standard:connect' in features && ways.some((way) => way in features);
}

// The account that a person lets this page use.
export async function connect(wallet) {
  const { accounts } = await wallet.features['standard:connect'].connect();
  const [account] = accounts.filter(({ chains }) => chains.some((c) => c.startsWith('solana:')));
  if (account === undefined) throw new SignInError('wallet_cannot');
  return account;
}

// Has the wallet sign the camera's challenge; what the camera is to be sent. With byTransaction, for
// hardware wallets that sign nothing else, it is a transaction that no chain takes.
export async function signIn(wallet, account, answer, { domain, byTransaction = false } = {}) {
  const fields = readChallenge(answer, account.address, domain);
  const { features } = wallet;
  if (byTransaction) return signMemo(features, account, answer);
  if ('solana:signIn' in features) {
    const [output] = await features['solana:signIn'].signIn(fields);
    if (output?.account?.address !== account.address) throw new SignInError('wrong_wallet');
    return signedMessage(account, output);
  }
  if ('solana:signMessage' in features) {
    return signedMessage(account, await signText(features, account, encode(answer.message)));
  }
  return signMemo(features, account, answer);
}

// (bytes) => signature of this account: what vault.js asks for.
export function messageSigner(wallet, account) {
  if (!('solana:signMessage' in wallet.features)) throw new SignInError('wallet_cannot');
  return async (bytes) => (await signText(wallet.features, account, bytes)).signature;
}

async function signText(features, account, message) {
  const [output] = await features['solana:signMessage'].signMessage({ account, message });
  if (output?.signature?.length !== SIGNATURE_BYTES) throw new SignInError('wallet_answer');
  return output;
}

async function signMemo(features, account, answer) {
  const feature = features['solana:signTransaction'];
  if (!feature) throw new SignInError('wallet_cannot');
  const transaction = await memoTransaction(account.address, answer.message);
  // What a camera sends itself may move money: it is not signed, and another one is a lie.
  const sent = answer.memo_transaction;
  if (sent && sent !== toBase64(transaction)) throw new SignInError('bad_challenge');
  const [output] = await feature.signTransaction({ account, transaction });
  if (!output?.signedTransaction) throw new SignInError('wallet_answer');
  return { wallet_address: account.address, transaction: toBase64(output.signedTransaction) };
}

// Unsigned transaction (bytes) of one instruction, whose memo is the text; no block has its hash.
export async function memoTransaction(address, text) {
  const memo = encode(text);
  const digest = await crypto.subtle.digest('SHA-256', join(encode(BLOCK_HASH_PURPOSE), memo));
  const transaction = join(
    [1, ...new Uint8Array(SIGNATURE_BYTES)], // one signature, not there yet
    [1, 0, 1], // accounts that sign, that sign and are read only, that are read only
    [2, ...fromBase58(address), ...fromBase58(MEMO_PROGRAM)],
    new Uint8Array(digest),
    [1, 1, 1, 0], // one instruction, of the second account, with one account: the first
    lengthBytes(memo.length),
    memo,
  );
  if (transaction.length > LARGEST_TRANSACTION) throw new SignInError('bad_challenge');
  return transaction;
}

// Seven bits to a byte, the lowest first; the eighth says that more follow.
function lengthBytes(length) {
  return length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
}

// The wallet may have written the text anew: what it signed is what the camera has to check.
function signedMessage(account, output) {
  if (output?.signature?.length !== SIGNATURE_BYTES) throw new SignInError('wallet_answer');
  let message;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    message = decoder.decode(output.signedMessage);
  } catch {
    throw new SignInError('wallet_answer');
  }
  return { wallet_address: account.address, message, signature: toBase64(output.signature) };
}

/* --- bytes --------------------------------------------------------------------------------- */

export function toBase58(bytes) {
  let number = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  let text = '';
  for (; number > 0n; number /= 58n) text = BASE58[Number(number % 58n)] + text;
  const first = bytes.findIndex((byte) => byte !== 0);
  return BASE58[0].repeat(first < 0 ? bytes.length : first) + text;
}

// The 32 bytes of an address.
function fromBase58(text) {
  let number = [...text].reduce((sum, letter) => sum * 58n + BigInt(BASE58.indexOf(letter)), 0n);
  const bytes = new Uint8Array(ADDRESS_BYTES);
  for (let i = ADDRESS_BYTES - 1; i >= 0; i -= 1, number >>= 8n) bytes[i] = Number(number & 0xffn);
  if (toBase58(bytes) !== text) throw new SignInError('bad_challenge');
  return bytes;
}

function join(...parts) {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function toBase64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

function encode(text) {
  return new TextEncoder().encode(text);
}
