// Sign-in with a Solana wallet: asks a browser wallet to sign what the camera asked for.
//
// Wallets come by the Wallet Standard: window events, and the features 'solana:signIn',
// 'solana:signMessage' and 'solana:signTransaction'. Nothing here is secret, and the camera trusts
// none of it: it checks what comes back. Still the text is looked at before a wallet gets it, so
// that a camera cannot have something else signed. Whatever is refused is a SignInError with a
// stable code.

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
// PKCS#8 of an Ed25519 key of 32 bytes (RFC 8410).
const PKCS8_ED25519 = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

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
  if (output?.signature?.length !== 64) throw new SignInError('wallet_answer');
  return output;
}

async function signMemo(features, account, answer) {
  const feature = features['solana:signTransaction'];
  if (!feature || !answer.memo_transaction) throw new SignInError('wallet_cannot');
  const transaction = Uint8Array.from(atob(answer.memo_transaction), (c) => c.charCodeAt(0));
  const [output] = await feature.signTransaction({ account, transaction });
  if (!output?.signedTransaction) throw new SignInError('wallet_answer');
  return { wallet_address: account.address, transaction: toBase64(output.signedTransaction) };
}

// The wallet may have written the text anew: what it signed is what the camera has to check.
function signedMessage(account, output) {
  if (output?.signature?.length !== 64) throw new SignInError('wallet_answer');
  let message;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    message = decoder.decode(output.signedMessage);
  } catch {
    throw new SignInError('wallet_answer');
  }
  return { wallet_address: account.address, message, signature: toBase64(output.signature) };
}

/* --- a wallet for trials ------------------------------------------------------------------- */

// A wallet with a key of its own, for trying a camera without a wallet extension. Its key is in
// this page only and gone with it: nothing of value belongs to it.
// seed: 32 bytes, for the same wallet again.
export async function demoWallet(seed = crypto.getRandomValues(new Uint8Array(32))) {
  const pkcs8 = Uint8Array.of(...PKCS8_ED25519, ...seed);
  const key = await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', true, ['sign']);
  const { x } = await crypto.subtle.exportKey('jwk', key);
  const publicKey = Uint8Array.from(atob(x.replaceAll('-', '+').replaceAll('_', '/')), (c) =>
    c.charCodeAt(0),
  );
  const account = {
    address: toBase58(publicKey),
    publicKey,
    chains: ['solana:devnet'],
    features: ['solana:signIn', 'solana:signMessage'],
  };
  const sign = async (message) => {
    const signature = new Uint8Array(await crypto.subtle.sign('Ed25519', key, message));
    return { account, signedMessage: message, signature };
  };
  const signMessage = (...inputs) => Promise.all(inputs.map(({ message }) => sign(message)));
  const answer = (fields) => sign(encode(buildText({ address: account.address, ...fields })));
  return {
    version: '1.0.0',
    name: 'Demo key of this page',
    icon: '',
    chains: account.chains,
    accounts: [account],
    features: {
      'standard:connect': { version: '1.0.0', connect: async () => ({ accounts: [account] }) },
      'solana:signIn': {
        version: '1.0.0',
        signIn: (...inputs) => Promise.all(inputs.map(answer)),
      },
      'solana:signMessage': { version: '1.0.0', signMessage },
    },
  };
}

/* --- bytes --------------------------------------------------------------------------------- */

export function toBase58(bytes) {
  let number = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  let text = '';
  for (; number > 0n; number /= 58n) text = BASE58[Number(number % 58n)] + text;
  const first = bytes.findIndex((byte) => byte !== 0);
  return BASE58[0].repeat(first < 0 ? bytes.length : first) + text;
}

function toBase64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

function encode(text) {
  return new TextEncoder().encode(text);
}
