// What this browser keeps of people who check in here: keys that no script can read out, and sealed
// templates. In IndexedDB, which stores keys as they are; nothing of it is ever sent by itself.

const NAME = 'mmoment';
const VERSION = 1;
const KINDS = ['demo', 'keys', 'templates'];

let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => KINDS.forEach((kind) => request.result.createObjectStore(kind));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function ask(kind, mode, question) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(kind, mode);
    const request = question(transaction.objectStore(kind));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

// undefined: there is none.
export function get(kind, name) {
  return ask(kind, 'readonly', (store) => store.get(name));
}

export function put(kind, name, value) {
  return ask(kind, 'readwrite', (store) => store.put(value, name));
}

export function remove(kind, name) {
  return ask(kind, 'readwrite', (store) => store.delete(name));
}
