// A wallet for tests, with a key of a given seed: the same wallet in each of them. To be put beside
// siws.js.

import { buildText, toBase58 } from './siws.js';

// PKCS#8 of an Ed25519 key of 32 bytes (RFC 8410).
const PKCS8_ED25519 = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

export async function testWallet(seed = crypto.getRandomValues(new Uint8Array(32))) {
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
  const encode = (text) => new TextEncoder().encode(text);
  const signMessage = (...inputs) => Promise.all(inputs.map(({ message }) => sign(message)));
  const answer = (fields) => sign(encode(buildText({ address: account.address, ...fields })));
  return {
    version: '1.0.0',
    name: 'Wallet for tests',
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
