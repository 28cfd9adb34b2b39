// A session: the drafts of one tab. The server writes drafts only while the tab is connected. If the
// tab is reloaded, the server waits a moment for it to reconnect.

const MEMORY = 'venti-desk-session';

export class Session {
  #events = null;
  #waiting = [];
  #retry = 0;

  /** Calls `receive` with each message, and `lost` with whether the connection is lost. */
  constructor({ receive, lost }) {
    this.receive = receive;
    this.lost = lost;
    this.id = sessionStorage.getItem(MEMORY);
  }

  /** Connects if this tab already has a session. */
  resume() {
    if (this.id) this.#listen();
  }

  /** Resolves once the connection is open or has failed. */
  ready() {
    if (!this.id) {
      this.id = newId();
      sessionStorage.setItem(MEMORY, this.id);
    }
    if (this.#events?.readyState === EventSource.OPEN) return Promise.resolve();
    if (!this.#events) this.#listen();
    return new Promise((done) => this.#waiting.push(done));
  }

  /** Reconnects to get all drafts again, after a missed message. */
  again() {
    this.#events?.close();
    this.#listen();
  }

  #listen() {
    clearTimeout(this.#retry);
    this.#events = new EventSource(`/_venti/desk/events?session=${encodeURIComponent(this.id)}`);
    this.#events.addEventListener('message', (event) => this.receive(JSON.parse(event.data)));
    this.#events.addEventListener('open', () => {
      this.lost(false);
      this.#settle();
    });
    this.#events.addEventListener('error', () => {
      this.lost(true);
      this.#settle();
      // Browsers do not reconnect after an error response, so do it here.
      if (this.#events.readyState === EventSource.CLOSED) {
        clearTimeout(this.#retry);
        this.#retry = setTimeout(() => this.#listen(), 3000);
      }
    });
  }

  // Also called on errors, so that waiting requests are sent and fail with their own messages.
  #settle() {
    for (const done of this.#waiting.splice(0)) done();
  }
}

// crypto.randomUUID exists only in secure contexts: https and localhost.
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
