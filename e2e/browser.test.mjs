// Tests `reader` itself, which the other tests rely on: it must notice every kind of fault.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';

import { launch, reader } from './browser.mjs';
import { serve } from './server.mjs';

const POLICY = '<meta http-equiv="Content-Security-Policy" content="default-src \'self\'">';
const FAULTY = {
  'an inline style': [`${POLICY}<p style="color: red">Text.`, /policy|console/],
  'an inline script': [`${POLICY}<p>Text.<script>1</script>`, /policy|console/],
  'an image of another host': ['<img src="https://example.com/a.png" alt="">', /request: https:\/\/example.com/],
  'a font of another host': ['<link rel="stylesheet" href="http://127.0.0.2:1/a.css">', /request: http:\/\/127/],
  'an error in a script': ['<script>throw new Error("oh")</script>', /script: oh/],
  'an error in the console': ['<script>console.error("oh")</script>', /console: oh/],
  'a missing file': ['<img src="missing.png" alt="">', /missing.png/],
};

const folder = mkdtempSync(join(tmpdir(), 'venti-e2e-'));
mkdirSync(join(folder, 'sound'));
writeFileSync(join(folder, 'sound', 'index.html'), `<!doctype html><title>Sound</title>${POLICY}<p>Text.`);
writeFileSync(join(folder, '404.html'), '<!doctype html><title>404</title>');
writeFileSync(join(folder, '_headers'), '/*\n  X-Everywhere: yes\n/sound/*\n  X-Here: yes\n');
Object.values(FAULTY).forEach(([html], at) => writeFileSync(join(folder, `${at}.html`), `<!doctype html><title>Faulty</title>${html}`));

let browser, host;
before(async () => {
  browser = await launch();
  host = await serve(folder, '/blog/');
});
after(async () => {
  await browser?.close();
  await host?.close();
  rmSync(folder, { recursive: true });
});

const bases = { 'a host': () => host.url, 'file://': () => `${pathToFileURL(folder).href}/` };
for (const [way, base] of Object.entries(bases)) {
  describe(`a reader at ${way}`, () => {
    Object.entries(FAULTY).forEach(([name, [, fault]], at) => {
      it(`reports ${name}`, async () => {
        const visit = (page) => page.goto(`${base()}${at}.html`, { waitUntil: 'networkidle' });
        await assert.rejects(reader(browser, { base: base() }, {}, visit), (error) => fault.test(error.actual?.join()));
      });
    });

    it('reports nothing for a sound page', () =>
      reader(browser, { base: base() }, {}, (page) => page.goto(`${base()}sound/index.html`, { waitUntil: 'networkidle' })));
  });
}

describe('the host', () => {
  const get = async (path) => {
    const response = await fetch(host.origin + path, { redirect: 'manual' });
    return [response.status, response.headers.get('x-everywhere'), response.headers.get('x-here')];
  };

  it('serves only below its path, folders by their index.html, and with the headers of _headers', async () => {
    assert.deepEqual(await get('/blog/sound/'), [200, 'yes', 'yes']);
    assert.deepEqual(await get('/blog/sound'), [301, null, null]);
    assert.deepEqual(await get('/blog/nowhere/'), [404, 'yes', null]);
    assert.deepEqual(await get('/sound/'), [404, null, null]);
    assert.deepEqual(await get('/blog/%2e%2e/%2e%2e/etc/passwd'), [404, null, null]);
  });
});
