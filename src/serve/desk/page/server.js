// What the page asks of Venti. Whatever goes wrong becomes one kind of error, made to be shown.

/** An answer that is not what was asked for: `message` says what, `help` what to do next. */
export class Refusal extends Error {
  constructor(status, body) {
    super(body.error ?? `Venti answered with ${status}.`);
    this.status = status;
    this.help = body.help ?? null;
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
    throw new Refusal(0, { error: 'Venti does not answer.', help: 'Is “venti serve” still running?' });
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(response.status, body);
  return body;
}

export const get = (path, query = {}) => ask(Object.keys(query).length ? `${path}?${new URLSearchParams(query)}` : path, { cache: 'no-store' });

export const post = (path, body) =>
  ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
