// Face NFTs that were begun and not finished. The first of several transactions makes an account that
// holds rent; whoever signs no further finds it nowhere but here, and gets the rent back by burning it.

const nameOf = (wallet) => `unfinished mints ${wallet}`;

// Addresses, the oldest first.
export function unfinishedMints(wallet) {
  return JSON.parse(localStorage.getItem(nameOf(wallet))) ?? [];
}

export function noteMint(wallet, mint) {
  keep(wallet, [...othersThan(wallet, mint), mint]);
}

export function dropMint(wallet, mint) {
  keep(wallet, othersThan(wallet, mint));
}

function othersThan(wallet, mint) {
  return unfinishedMints(wallet).filter((other) => other !== mint);
}

function keep(wallet, mints) {
  if (mints.length) localStorage.setItem(nameOf(wallet), JSON.stringify(mints));
  else localStorage.removeItem(nameOf(wallet));
}
