'use strict';

// The token leaves the address at once, so that neither history nor a bookmark keeps it.
const token = new URLSearchParams(location.search).get('token') || '';
history.replaceState(null, '', location.pathname);
document.getElementById('token').value = token;

async function signIn() {
  const response = await fetch('/sign-in', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ token }),
  });
  // With a link that is spent, whoever is signed in already gets there all the same, and everybody
  // else is told there how to get a new one.
  if (response.ok || response.status === 401) {
    location.replace('/test-page');
    return;
  }
  const answer = await response.json();
  document.getElementById('what').textContent = answer.message;
}

// A browser may load this page before anybody asked for it; the link is spent only when it is seen.
function whenSeen() {
  if (document.visibilityState !== 'visible' || document.prerendering) return;
  document.removeEventListener('visibilitychange', whenSeen);
  document.removeEventListener('prerenderingchange', whenSeen);
  signIn().catch(() => {
    document.getElementById('what').textContent = 'The camera does not answer. Press Sign in to try again.';
  });
}

if (token) {
  document.addEventListener('visibilitychange', whenSeen);
  document.addEventListener('prerenderingchange', whenSeen);
  whenSeen();
}
