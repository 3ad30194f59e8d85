// A wallet for trying a camera without a wallet extension: one key of this browser. It is made here,
// signs here, and no script can read it out; whoever clears the data of this site loses it.

import { get, put } from './device-store.js';
import { call } from './page-common.js';
import { buildText, toBase58 } from './siws.js';
import { messageOf, withSignature } from './transaction.js';

const WALLET = 'wallet';
const ALGORITHM = 'Ed25519';
// Where nothing has a value: what such a key holds is lost with the data of the site.
const CHAINS = ['solana:devnet', 'solana:localnet'];
const NOT_HERE = 'The demo key signs for networks that are for trying only';
// As wallets say that nothing was signed.
const DECLINED = 4001;

// Whether this camera is for trying: on such a network, or on none.
export async function isForTrying() {
  const { cluster } = await call('/api/chain/status').catch(() => ({}));
  return !cluster || CHAINS.includes(`solana:${cluster}`);
}

// The key of this browser, made when it is first asked for.
async function pair() {
  const known = await get('demo', WALLET);
  if (known) return known;
  const made = await crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify']);
  await put('demo', WALLET, made);
  return made;
}

// As the Wallet Standard describes wallets.
export async function demoWallet() {
  const { privateKey, publicKey } = await pair();
  const bytes = new Uint8Array(await crypto.subtle.exportKey('raw', publicKey));
  const features = ['solana:signIn', 'solana:signMessage', 'solana:signTransaction'];
  const account = { address: toBase58(bytes), publicKey: bytes, chains: CHAINS, features };
  const sign = async (message) => {
    const signature = new Uint8Array(await crypto.subtle.sign(ALGORITHM, privateKey, message));
    return { account, signedMessage: message, signature };
  };
  const signIn = (fields) => {
    return sign(new TextEncoder().encode(buildText({ address: account.address, ...fields })));
  };
  const signTransaction = async ({ transaction, chain }) => {
    if (chain && !CHAINS.includes(chain)) {
      throw Object.assign(new Error(NOT_HERE), { code: DECLINED });
    }
    const { signature } = await sign(messageOf(transaction));
    return { signedTransaction: withSignature(transaction, bytes, signature) };
  };
  const each = (work) => (...inputs) => Promise.all(inputs.map(work));
  return {
    version: '1.0.0',
    name: 'Demo key of this browser',
    chains: CHAINS,
    accounts: [account],
    features: {
      'standard:connect': { version: '1.0.0', connect: async () => ({ accounts: [account] }) },
      'solana:signIn': { version: '1.0.0', signIn: each(signIn) },
      'solana:signMessage': { version: '1.0.0', signMessage: each(({ message }) => sign(message)) },
      'solana:signTransaction': {
        version: '1.0.0',
        supportedTransactionVersions: ['legacy', 0],
        signTransaction: each(signTransaction),
      },
    },
  };
}
