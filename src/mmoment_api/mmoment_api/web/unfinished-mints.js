// Face NFTs that were begun and not finished. The first of several transactions makes an account that
// holds rent; nothing but what is noted here says where it is. So it is noted before anything can get
// to the chain, and forgotten only once it is finished, burnt, or sure not to be there.
//
// Of each: mint (its address); isThere (the chain has confirmed it); slot (in which, the last of it);
// at (when something of it was last signed or confirmed, ms); and, as long as the camera may go on with
// it: id, number and count of the last transaction, and what was signed of it, if the chain had not
// decided.

// Later, no transaction that was signed then gets onto the chain, nor does a copy of it with the newest
// blockhash that a slow wallet may have put in; and what the chain has confirmed, every server knows.
const SETTLED_MS = 10 * 60_000;

// Those of one wallet on one cluster: what one chain does not have is still on the other.
export function mintsOf(wallet, cluster) {
  const name = `unfinished mints ${wallet} ${cluster}`;
  const keep = (mints) => {
    if (mints.length) localStorage.setItem(name, JSON.stringify(mints));
    else localStorage.removeItem(name);
  };
  // The oldest first.
  const all = () => JSON.parse(localStorage.getItem(name)) ?? [];
  const others = (mint) => all().filter((each) => each.mint !== mint);
  return {
    all,
    // Adds to what is known of it.
    note(mint, news) {
      const known = all().find((each) => each.mint === mint);
      keep([...others(mint), { ...known, mint, ...news }]);
    },
    drop: (mint) => keep(others(mint)),
  };
}

// Whether a chain that does not have it is to be believed.
export function isSettled({ at }) {
  return Date.now() - at >= SETTLED_MS;
}
