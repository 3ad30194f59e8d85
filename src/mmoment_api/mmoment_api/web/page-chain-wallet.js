// From something that a person wants on the chain to its confirmation: the camera builds it, the
// person reads what it does, their wallet signs, the camera sends it and says what the chain says.

import { walletOf } from './check-in.js';
import { demoWallet, isForTrying } from './demo-wallet.js';
import { post } from './page-common.js';
import { connect, watchWallets } from './siws.js';
import { dropMint, noteMint } from './unfinished-mints.js';
import { fromBase64, toBase64 } from './vault.js';

const SIGN = 'solana:signTransaction';
const DEMO = 'demo';
// Each waits half a minute for the chain.
const QUESTIONS = 6;
const NOT_HERE = 'The wallet you checked in with is not in this browser';
const CANNOT = 'This wallet signs no transactions here';

const wallets = new Map();

// Tells `found` (id, name) of each wallet that signs transactions, the demo key of this browser first.
export async function offerSigners(found) {
  try {
    await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']);
    if (await isForTrying()) found(DEMO, 'Demo key of this browser');
  } catch {
    // A browser without such keys has no demo key.
  }
  watchWallets((wallet) => {
    if (!(SIGN in wallet.features)) return;
    const id = `wallet ${wallet.name}`;
    if (!wallets.has(id)) found(id, wallet.name);
    wallets.set(id, wallet);
  });
}

// One of those that were offered.
export async function signerOf(id) {
  return ableSigner(id === DEMO ? await demoWallet() : wallets.get(id));
}

// Of whoever is checked in.
export async function ownSigner(address) {
  const own = await walletOf(address);
  if (!own) throw new Error(NOT_HERE);
  return ableSigner(own.wallet, own.account);
}

async function ableSigner(wallet, account) {
  if (!(SIGN in (wallet?.features ?? {}))) throw new Error(CANNOT);
  return { wallet, account: account ?? await connect(wallet) };
}

async function signed({ wallet, account }, text, cluster) {
  const transaction = fromBase64(text);
  const chain = `solana:${cluster}`;
  const [output] = await wallet.features[SIGN].signTransaction({ account, transaction, chain });
  if (!output?.signedTransaction) throw new Error(CANNOT);
  return toBase64(output.signedTransaction);
}

// The same may be sent again: the camera sends it to the chain once.
async function submitted(id, transaction) {
  for (let asked = 1; ; asked += 1) {
    try {
      return await post('/api/chain/transactions/submit', { id, transaction });
    } catch (error) {
      if (error.answer?.error !== 'undecided' || asked === QUESTIONS) throw error;
    }
  }
}

function note({ kind, values }, { account }, built, done) {
  const [mint] = done.accounts;
  if (kind === 'burn_face' && values.mint) dropMint(account.address, values.mint);
  if (kind !== 'mint_face' || !mint) return;
  if (built.number < built.count) noteMint(account.address, mint);
  else dropMint(account.address, mint);
}

// What the chain says of the last of the row; null: the person did not agree. `agrees` is shown what
// was built and resolves to whether it is to be signed; `say` tells how it goes.
export async function carryOut(order, signer, cluster, agrees, say) {
  const { kind, values } = order;
  const wish = { kind, wallet_address: signer.account.address, values };
  for (;;) {
    say('The camera builds the transaction…');
    const built = await post('/api/chain/transactions', wish);
    say('');
    if (!await agrees(built)) return null;
    say('Waiting for the wallet…');
    const transaction = await signed(signer, built.transaction, cluster);
    say('Waiting for the chain…');
    try {
      const done = await submitted(built.id, transaction);
      note(order, signer, built, done);
      if (built.number >= built.count) return done;
    } catch (error) {
      // Whoever took too long gets the same anew.
      if (error.answer?.error !== 'expired') throw error;
    }
    wish.after = built.id;
    delete wish.values;
  }
}
