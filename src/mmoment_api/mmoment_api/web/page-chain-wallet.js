// From something that a person wants on the chain to its confirmation: the camera builds it, the
// person reads what it does, their wallet signs, the camera sends it and says what the chain says. A
// wallet that signs nothing without sending it sends it itself, and the camera asks the chain for it.

import { walletOf } from './check-in.js';
import { demoWallet, isForTrying } from './demo-wallet.js';
import { post } from './page-common.js';
import { connect, toBase58, watchWallets } from './siws.js';
import { mintsOf } from './unfinished-mints.js';
import { fromBase64, toBase64 } from './vault.js';

const SIGN = 'solana:signTransaction';
const SEND = 'solana:signAndSendTransaction';
const DEMO = 'demo';
// Longer than a chain may take to decide; of what a wallet has changed each answer comes after seconds.
const ASK_FOR_MS = 180_000;
const AGAIN_MS = 2000;
const ASK_AGAIN = ['undecided', 'too_many_requests'];
const NOT_HERE = 'The wallet you checked in with is not in this browser';
const CANNOT = 'This wallet signs no transactions here';
const NEEDS_CAMERA = 'This needs the signature of the camera as well, and this wallet sends what it signs'
  + ' by itself: take a wallet that can sign without sending';
const ANEW = 'Take off what was begun, then begin anew';
const FORGOTTEN = 'The camera does not know any more how this was begun';
const AS_IT_IS = 'Sign anew, with a wallet that leaves what it signs as it is';
// The chain does not have it and takes it no more: the same is built anew.
const TOO_LATE = ['expired', 'unknown_signature'];
// What a wallet has sent, but not as it was built: who knows what else it has sent, or will.
const IN_DOUBT = ['unknown_signature', 'foreign_transaction'];
// What was signed last is of no more use.
const OVER = [...TOO_LATE, ...IN_DOUBT, 'refused'];
// Of a wallet whose owner said no: it has sent nothing.
const DECLINED = 4001;

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
    if (!isAble(wallet)) return;
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

function isAble(wallet) {
  const features = wallet?.features ?? {};
  return SIGN in features || SEND in features;
}

async function ableSigner(wallet, account) {
  if (!isAble(wallet)) throw new Error(CANNOT);
  return { wallet, account: account ?? await connect(wallet) };
}

// What the camera is to be handed: the signed transaction or, of what the wallet has sent, its signature.
async function signed({ wallet, account }, text, cluster) {
  const request = { account, transaction: fromBase64(text), chain: `solana:${cluster}` };
  if (SIGN in wallet.features) {
    const [output] = await wallet.features[SIGN].signTransaction(request);
    if (!output?.signedTransaction) throw new Error(CANNOT);
    return { transaction: toBase64(output.signedTransaction) };
  }
  const [output] = await wallet.features[SEND].signAndSendTransaction(request);
  if (!output?.signature) throw new Error(CANNOT);
  return { signature: toBase58(output.signature) };
}

// The same may be handed over again: the camera sends it to the chain once.
async function submitted(id, given) {
  const begin = performance.now();
  for (;;) {
    try {
      return await post('/api/chain/transactions/submit', { id, ...given });
    } catch (error) {
      const isEnough = performance.now() - begin >= ASK_FOR_MS;
      if (!ASK_AGAIN.includes(error.answer?.error) || isEnough) throw error;
    }
    await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
  }
}

// Keeps what is noted of a mint up to date with each of its transactions.
function noteOf({ kind, values, begun }, { account }, cluster) {
  const mints = mintsOf(account.address, cluster);
  const mintOf = ({ accounts }) => (kind === 'mint_face' ? begun?.mint ?? accounts[0] : null);
  let mint = begun?.mint;
  let isThere = Boolean(begun?.isThere);
  // What was begun before may have got there in a way that nobody heard of.
  let isInDoubt = Boolean(begun);
  const isSureToBeNowhere = () => !isThere && !isInDoubt;
  const note = (news) => mint && mints.note(mint, news);
  return {
    // Before the wallet says anything: it has all that can be sent.
    asking(built) {
      mint = mintOf(built);
      note({ ...stepOf(built), isThere, at: Date.now() });
    },
    declined(error) {
      if (error.code === DECLINED && mint && isSureToBeNowhere()) mints.drop(mint);
    },
    signed: (step) => note({ ...stepOf(step), isThere, at: Date.now() }),
    done({ number, count }, { slot }) {
      isThere = true;
      if (values?.mint) mints.drop(values.mint);
      if (number >= count && mint) mints.drop(mint);
      else note({ isThere, slot, signed: undefined, at: Date.now() });
    },
    failed(error) {
      const why = error.answer?.error;
      if (why === 'not_ours') note({ id: undefined, signed: undefined });
      if (!OVER.includes(why) || !mint) return;
      isInDoubt ||= IN_DOUBT.includes(why);
      if (isSureToBeNowhere()) mints.drop(mint);
      else note({ signed: undefined });
    },
  };
}

function stepOf({ id, number, count, signed: given }) {
  return { id, number, count, signed: given };
}

// What the chain says of the last of the row; null: the person did not agree. `begun`, in an order, is
// what was noted of a mint, to be gone on with. `agrees` is shown what was built and resolves to whether
// it is to be signed; `say` tells how it goes.
export async function carryOut(order, signer, cluster, agrees, say) {
  const { kind, values, begun } = order;
  const wish = { kind, wallet_address: signer.account.address };
  const note = noteOf(order, signer, cluster);
  if (begun) wish.after = begun.id;
  else wish.values = values;
  let step = begun?.signed ? begun : null;
  let isBegun = Boolean(begun);
  try {
    for (;;) {
      step ??= await nextStep(wish, signer, cluster, agrees, say, note);
      if (!step) return null;
      isBegun = true;
      say('Waiting for the chain…');
      const done = await outcome(step, note);
      if (done && step.number >= step.count) return done;
      wish.after = step.id;
      delete wish.values;
      step = null;
    }
  } catch (error) {
    note.failed(error);
    throw isBegun ? helped(error, kind === 'mint_face') : error;
  }
}

// The same with what helps, of what was begun. A copy of it that nobody heard of may be there.
function helped(error, isMint) {
  const why = error.answer?.error;
  if (why === 'foreign_transaction') {
    const or = isMint ? '. Or take off what was begun' : '';
    return new Error(`${error.message}. ${AS_IT_IS}${or}`);
  }
  if (isMint && why === 'would_fail') return new Error(`${error.message}. ${ANEW}`);
  return isMint && why === 'not_ours' ? new Error(`${FORGOTTEN}. ${ANEW}`) : error;
}

// Built, read and signed; null: the person did not agree.
async function nextStep(wish, signer, cluster, agrees, say, note) {
  say('The camera builds the transaction…');
  const built = await post('/api/chain/transactions', wish);
  say('');
  if (!(SIGN in signer.wallet.features) && !built.can_be_sent) throw new Error(NEEDS_CAMERA);
  if (!await agrees(built)) return null;
  say('Waiting for the wallet…');
  note.asking(built);
  let given;
  try {
    given = await signed(signer, built.transaction, cluster);
  } catch (error) {
    note.declined(error);
    throw error;
  }
  const step = { ...built, signed: given };
  note.signed(step);
  return step;
}

// null: whoever took too long gets the same anew.
async function outcome(step, note) {
  try {
    const done = await submitted(step.id, step.signed);
    note.done(step, done);
    return done;
  } catch (error) {
    if (!TOO_LATE.includes(error.answer?.error)) throw error;
    note.failed(error);
    return null;
  }
}
