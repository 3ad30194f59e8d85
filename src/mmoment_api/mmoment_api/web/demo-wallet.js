// A wallet for trying a camera without a wallet extension: one key of this browser. It is made here,
// signs here, and no script can read it out; whoever clears the data of this site loses it.

import { get, put } from './device-store.js';
import { buildText, toBase58 } from './siws.js';
import { messageOf, withSignature } from './transaction.js';

const WALLET = 'wallet';
const ALGORITHM = 'Ed25519';
const CHAINS = ['solana:devnet', 'solana:localnet'];

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
  const signTransaction = async ({ transaction }) => {
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
