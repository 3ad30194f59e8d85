// Face NFTs that were begun and not finished. The first of several transactions makes an account that
// holds rent; nothing but what is noted here says where it is. So it is noted before anything can get
// to the chain, and forgotten only once it is finished, burnt, or sure not to be there.
//
// Of each: mint (its address); isThere (the chain has confirmed it); at (when something was last signed
// for it, ms); and, as long as the camera may go on with it: id, number and count of the last transaction,
// and what was signed of it, if the chain had not decided.

// Later, no transaction that was signed then gets onto the chain, nor does a copy of it with the newest
// blockhash that a slow wallet may have put in.
const SETTLED_MS = 10 * 60_000;

const nameOf = (wallet) => `unfinished mints ${wallet}`;

// The oldest first.
export function unfinishedMints(wallet) {
  return JSON.parse(localStorage.getItem(nameOf(wallet))) ?? [];
}

// Adds to what is known of it.
export function noteMint(wallet, mint, news) {
  const known = unfinishedMints(wallet);
  const noted = { ...known.find((each) => each.mint === mint), mint, ...news };
  keep(wallet, [...known.filter((each) => each.mint !== mint), noted]);
}

export function dropMint(wallet, mint) {
  keep(wallet, unfinishedMints(wallet).filter((each) => each.mint !== mint));
}

// Whether it can still appear on a chain that does not have it.
export function mayComeYet({ isThere, at }) {
  return !isThere && Date.now() - at < SETTLED_MS;
}

function keep(wallet, mints) {
  if (mints.length) localStorage.setItem(nameOf(wallet), JSON.stringify(mints));
  else localStorage.removeItem(nameOf(wallet));
}
