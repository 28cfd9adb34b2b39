// Unsaved changes in the editors. This tab keeps them, whichever view is open, and the browser asks
// before the tab is closed.

const PREFIX = 'venti-desk-unsaved ';

/** The unsaved values of the editor at the route `key`, with the version that they are based on. */
export function unsaved(key) {
  return JSON.parse(sessionStorage.getItem(PREFIX + key));
}

export function remember(key, values) {
  sessionStorage.setItem(PREFIX + key, JSON.stringify(values));
}

export function forget(key) {
  sessionStorage.removeItem(PREFIX + key);
}

addEventListener('beforeunload', (event) => {
  if (Object.keys(sessionStorage).some((key) => key.startsWith(PREFIX))) event.preventDefault();
});
