// Requests to the server. Every failure becomes a `Refusal`, whose text can be shown.

/** A failed request: `message` says what is wrong, `help` what to do, `field` which input is invalid. */
export class Refusal extends Error {
  constructor(status, body) {
    super(body.error ?? `Venti answered with status ${status}.`);
    this.status = status;
    this.help = body.help ?? null;
    this.field = body.field ?? null;
    this.body = body;
  }

  get text() {
    return this.help ? `${this.message}\n${this.help}` : this.message;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(`/_venti/desk/${path}`, options);
  } catch {
    throw new Refusal(0, { error: 'Venti does not respond.', help: 'Is “venti serve” still running?' });
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(response.status, body);
  return body;
}

export const get = (path, query = {}) => ask(Object.keys(query).length ? `${path}?${new URLSearchParams(query)}` : path, { cache: 'no-store' });

export const post = (path, body) =>
  ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
