"""What a page finds in its browser: a wallet of its own kind, or fewer keys than today."""

# Its key lasts as long as a tab; what it makes of other texts than sign-ins is random. The tab may
# say how many sign-ins it signs before it declines, and that it waits for its owner with the rest.
# Of transactions, it signs none that it does not send; the tab may say that its owner declines, or that
# it sends and says nothing.
WALLET = """
(() => {
  const usage = ['sign', 'verify'];
  const digits = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
  const base58 = (bytes) => {
    let number = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    let text = '';
    for (; number > 0n; number /= 58n) text = digits[Number(number % 58n)] + text;
    return text;
  };
  const load = async () => {
    const kept = sessionStorage.getItem('odd');
    if (kept) return JSON.parse(kept);
    const pair = await crypto.subtle.generateKey('Ed25519', true, usage);
    const made = await crypto.subtle.exportKey('jwk', pair.privateKey);
    sessionStorage.setItem('odd', JSON.stringify(made));
    return made;
  };
  const connect = async () => {
    const jwk = await load();
    const text = jwk.x.replaceAll('-', '+').replaceAll('_', '/');
    const publicKey = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const address = base58(publicKey);
    return { accounts: [{ address, publicKey, chains: ['solana:mainnet'], features: [] }] };
  };
  const signMessage = async ({ message }) => {
    const isSignIn = new TextDecoder().decode(message).includes('wants you to sign in');
    if (!isSignIn) {
      if (sessionStorage.getItem('waits')) await new Promise(() => {});
      return [{ signedMessage: message, signature: crypto.getRandomValues(new Uint8Array(64)) }];
    }
    const left = sessionStorage.getItem('left');
    if (left === '0') throw new Error('The person declined');
    if (left) sessionStorage.setItem('left', String(Number(left) - 1));
    const key = await crypto.subtle.importKey('jwk', await load(), 'Ed25519', false, ['sign']);
    const signature = new Uint8Array(await crypto.subtle.sign('Ed25519', key, message));
    return [{ signedMessage: message, signature }];
  };
  const signAndSendTransaction = async ({ transaction }) => {
    const does = sessionStorage.getItem('does');
    if (does === 'decline') throw Object.assign(new Error('The person declined'), { code: 4001 });
    if (does === 'send silently') await new Promise(() => {});
    const message = transaction.slice(1 + 64 * transaction[0]);
    const key = await crypto.subtle.importKey('jwk', await load(), 'Ed25519', false, ['sign']);
    return [{ signature: new Uint8Array(await crypto.subtle.sign('Ed25519', key, message)) }];
  };
  const wallet = {
    version: '1.0.0',
    name: 'Odd wallet',
    chains: ['solana:mainnet'],
    accounts: [],
    features: {
      'standard:connect': { version: '1.0.0', connect },
      'solana:signMessage': { version: '1.0.0', signMessage },
      'solana:signAndSendTransaction': {
        version: '1.0.0',
        supportedTransactionVersions: ['legacy', 0],
        signAndSendTransaction,
      },
    },
  };
  const register = (api) => api.register(wallet);
  window.addEventListener('wallet-standard:app-ready', ({ detail }) => register(detail));
})();
"""
# As browsers before 2025 answer.
OLDER_BROWSER = """
SubtleCrypto.prototype.generateKey = async () => {
  throw new DOMException('Unrecognized name', 'NotSupportedError');
};
"""
# The answers to what ends a session come later than everything else that tells of it.
SLOW_ENDINGS = """
const { fetch: quick } = window;
window.fetch = async (path, options) => {
  const answer = await quick(path, options);
  const isEnding = ['/api/session/disconnect', '/api/person/forget'].includes(path);
  if (isEnding) await new Promise((done) => { setTimeout(done, 1500); });
  return answer;
};
"""
