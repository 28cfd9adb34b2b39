// What was changed in an editor and not saved. It is kept in this tab whichever view is open, and
// the browser asks before the tab is closed.

const PREFIX = 'venti-desk-unsaved ';

/** What was typed into the editor at the route `key` and not saved, with what it began from. */
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
