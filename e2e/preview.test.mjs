// Tests `venti serve` in use: a browser stays on a page while a test edits, breaks, fixes, deletes,
// renames and adds files of the project.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';

import { launch, reader } from './browser.mjs';
import { Preview, venti } from './preview.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** Runs `visit(page, preview)` with a preview of its own. */
function preview(name, options, visit) {
  test(name, { timeout: 120_000 }, async () => {
    const { flags = [], ...rest } = options;
    const preview = await Preview.start(...flags);
    try {
      // Leaving a page aborts its event stream.
      await reader(browser, preview, { expected: /ERR_INCOMPLETE_CHUNKED|status: 404/, ...rest }, (page) => visit(page, preview));
    } finally {
      await preview.end();
    }
  });
}

const problem = (page) => page.locator('venti-preview .problem');
/** Sets a mark that a reload removes. */
const mark = (page) => page.evaluate(() => {
  window.mark = true;
});
const marked = (page) => page.evaluate(() => window.mark === true);

preview('an edited essay reloads at the same scroll position', { height: 500 }, async (page, site) => {
  await page.goto(`${site.base}${site.slug}/`);
  await page.evaluate(() => scrollTo({ top: 700, behavior: 'instant' }));
  site.edit(`content/essays/${site.slug}.md`, (text) => `${text}\nThis was added at last.\n`);
  await page.getByText('This was added at last.').waitFor({ state: 'attached' });
  assert.ok(Math.abs((await page.evaluate(() => scrollY)) - 700) < 2, 'the scroll position is kept');
  // A change also arrives after a reload.
  site.edit(`content/essays/${site.slug}.md`, (text) => text.replace('at last', 'in the end'));
  await page.getByText('This was added in the end.').waitFor({ state: 'attached' });
});

preview('an unaffected page does not reload', {}, async (page, site) => {
  await page.goto(`${site.base}about/`);
  await mark(page);
  site.edit(`content/essays/${site.slug}.md`, (text) => `${text}\nMore.\n`);
  await site.says(/built \d+ files; [1-9]\d* written or removed/g);
  await page.waitForTimeout(300);
  assert.ok(await marked(page));
});

preview('a style sheet is swapped without a reload', {}, async (page, site) => {
  await page.goto(site.base);
  await mark(page);
  const links = await page.locator('link[rel=stylesheet]').count();
  site.write('themes/medium/static/css/print.css', 'h1, h2 { letter-spacing: 7px !important }');
  await page.waitForFunction(() => getComputedStyle(document.querySelector('h1, h2')).letterSpacing === '7px');
  // Change the style sheet many times, faster than a browser can load it.
  for (let width = 1; width <= 20; width++) {
    site.write('themes/medium/static/css/print.css', `h1, h2 { letter-spacing: ${width}px !important }`);
    await page.waitForTimeout(width * 3);
  }
  await page.waitForFunction(() => getComputedStyle(document.querySelector('h1, h2')).letterSpacing === '20px');
  await page.waitForFunction((links) => document.querySelectorAll('link[rel=stylesheet]').length === links, links);
  assert.ok(await marked(page), 'the page did not reload');
});

preview('a problem is shown over the last good page until it is fixed', {}, async (page, site) => {
  await page.goto(site.base);
  const title = await page.title();
  const broken = [
    ['venti.yaml', (text) => `${text}\ntitel: no\n`, /venti\.yaml:\d+:1/],
    [`content/seeds/${site.slug}.md`, (text) => text.replace('quote:', 'qoute:'), new RegExp(`${site.slug}\\.md:\\d+:1`)],
    [`content/essays/${site.slug}.md`, (text) => text.slice(0, 200), new RegExp(`${site.slug}\\.md:\\d+:\\d+`)],
  ];
  for (const [file, change, place] of broken) {
    const good = readFileSync(site.path(file), 'utf8');
    site.write(file, change(good));
    await problem(page).waitFor();
    const text = await problem(page).locator('pre').textContent();
    assert.match(text, place);
    assert.ok(site.said.includes(text.trim()), 'the terminal shows the same text');
    assert.equal(await page.title(), title);
    // A new visitor also sees the last good build and the problem.
    await page.reload();
    await problem(page).waitFor();
    assert.equal(await page.title(), title);
    site.write(file, good);
    await problem(page).waitFor({ state: 'hidden' });
    await site.says(/fixed/);
    site.said = '';
  }
  site.write('themes/medium/templates/404.html', '{{ nothing }}');
  await problem(page).waitFor();
  assert.match(await problem(page).locator('pre').textContent(), /themes\/medium\/templates\/404\.html:1:4/);
  await page.keyboard.press('Escape');
  await problem(page).waitFor({ state: 'hidden' });
  unlinkSync(site.path('themes/medium/templates/404.html'));
  await page.waitForTimeout(300);
  assert.ok(await problem(page).isHidden());
});

preview('a site that is broken from the start appears once it is fixed', {}, async (page, site) => {
  const good = readFileSync(site.path('venti.yaml'), 'utf8');
  site.write('venti.yaml', 'title: [\n');
  await page.goto(site.base);
  await problem(page).waitFor();
  site.write('venti.yaml', good);
  await problem(page).waitFor({ state: 'hidden' });
  await page.locator('main').waitFor();
});

preview('added, removed and renamed files', {}, async (page, site) => {
  await page.goto(`${site.base}colophon/`);
  assert.match(await page.title(), /not/i);
  site.write('content/pages/colophon.md', '---\ntitle: Colophon\n---\nSet in type.\n');
  await page.getByText('Set in type.').waitFor();
  site.replace('content/pages/colophon.md', '---\ntitle: Colophon\n---\nSet in other type.\n');
  await page.getByText('Set in other type.').waitFor();
  renameSync(site.path('content/pages/colophon.md'), site.path('content/pages/imprint.md'));
  await page.waitForFunction(() => !document.body.textContent.includes('Set in other type.'));
  await page.goto(`${site.base}imprint/`);
  await page.getByText('Set in other type.').waitFor();
  // Move a whole folder away and back.
  renameSync(site.path('content/pages'), site.path('content/away'));
  await page.waitForFunction(() => !document.body.textContent.includes('Set in other type.'));
  renameSync(site.path('content/away'), site.path('content/pages'));
  await page.getByText('Set in other type.').waitFor();
});

preview('a missing essay appears word by word, then as published', {}, async (page, site) => {
  site.write('content/seeds/new-here.md', '---\nquote: "A pipeline is a promise that nobody signed."\ntitle: Unsigned\n---\n');
  await page.goto(`${site.base}new-here/`);
  // The thinkpiece may already be finished.
  await page.locator('[data-pending]:not(:empty), article.thinkpiece').first().waitFor();
  await page.locator('article.thinkpiece').waitFor({ timeout: 60_000 });
  assert.equal(await page.locator('h1').textContent(), 'Unsigned');
  assert.ok(readFileSync(site.path('content/essays/new-here.md'), 'utf8').includes('title: Unsigned'));
});

preview('after a burst of saves the last version is shown, and building stops', {}, async (page, site) => {
  await page.goto(site.base);
  site.write('content/pages/burst.md', '---\ntitle: Burst\n---\nnumber 0\n');
  await page.goto(`${site.base}burst/`);
  for (let number = 1; number <= 60; number++) {
    site.write('content/pages/burst.md', `---\ntitle: Burst\n---\nnumber ${number}\n`);
    if (number % 10 === 0) await page.waitForTimeout(25);
  }
  await page.getByText('number 60', { exact: true }).waitFor();
  await page.waitForTimeout(400);
  const said = site.said;
  await page.waitForTimeout(600);
  assert.equal(site.said, said, 'no build without a change');
});

preview('a site below the root of its host', {}, async (page, site) => {
  site.edit('venti.yaml', (text) => text.replace(/^base_url:.*$/m, 'base_url: https://a.example/blog'));
  const origin = new URL(site.base).origin;
  await site.says(/built[^]*built/);
  assert.equal((await page.goto(`${origin}/blog/about/`)).status(), 200);
  await page.goto(origin);
  assert.equal(new URL(page.url()).pathname, '/blog/');
  const outside = await fetch(`${origin}/about/`);
  assert.equal(outside.status, 404);
});

test('requests cannot reach files outside the site or change it', async () => {
  const site = await Preview.start();
  try {
    const { port } = new URL(site.base);
    writeFileSync(site.path('secret.txt'), 'secret');
    const asked = (line, headers = 'Host: 127.0.0.1') => new Promise((done, fail) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write(`${line} HTTP/1.1\r\n${headers}\r\nConnection: close\r\n\r\n`, 'latin1'));
      let answer = '';
      socket.on('data', (bytes) => {
        answer += bytes.toString('latin1');
      });
      socket.on('end', () => done(answer));
      socket.on('error', fail);
    });
    const paths = [
      '/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/.%2e/secret.txt', '/%2e%2e%2fsecret.txt', '/about/../../secret.txt',
      '//secret.txt', `/${site.root}/secret.txt`, `//${site.root}/secret.txt`, '/..%5csecret.txt', '/..\\secret.txt', '/C:/secret.txt', '/c:%5csecret.txt',
      '/%5c%5chost%5cshare', '/secret.txt%00.html', '/%00', '/index.html%00', '/%252e%252e/secret.txt', '/%c0%ae%c0%ae/secret.txt', '/%ff',
      '/.venti/manifest', '/venti.yaml', '/content/seeds', '/CON', '/index.html::$DATA', '/file:///etc/passwd', '/./secret.txt', `/${'a/'.repeat(2000)}`, `/${'a'.repeat(20000)}`,
    ];
    for (const path of paths) {
      const answer = await asked(`GET ${path}`);
      assert.match(answer, /^HTTP\/1\.1 (404|400|414|431) /, path);
      assert.ok(!/\r\n\r\nsecret/.test(answer), path);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      assert.match(await asked(`${method} /index.html`), /^HTTP\/1\.1 405 /, method);
    }
    const whole = await fetch(`${site.base}robots.txt`);
    const text = await whole.text();
    const etag = whole.headers.get('etag');
    const get = (headers, method = 'GET') => fetch(`${site.base}robots.txt`, { headers, method });
    assert.equal((await get({ 'if-none-match': etag })).status, 304);
    assert.equal((await get({ 'if-none-match': `"x", W/${etag}` })).status, 304);
    assert.equal((await get({ 'if-none-match': '"x"' })).status, 200);
    const part = await get({ range: 'bytes=2-5' });
    assert.deepEqual([part.status, part.headers.get('content-range'), await part.text()], [206, `bytes 2-5/${text.length}`, text.slice(2, 6)]);
    assert.equal(await (await get({ range: 'bytes=-4' })).text(), text.slice(-4));
    assert.equal((await get({ range: 'bytes=99999-' })).status, 416);
    assert.equal((await get({ range: 'bytes=0-1', 'if-range': '"other"' })).status, 200);
    assert.equal((await get({ range: 'bytes=0-1,3-4' })).status, 200);
    const head = await get({}, 'HEAD');
    assert.deepEqual([head.headers.get('content-length'), await head.text()], [String(text.length), '']);
  } finally {
    await site.end();
  }
});

test('ten thousand requests during continuous rebuilds', { timeout: 300_000 }, async () => {
  const site = await Preview.start();
  try {
    const { pid } = site.process;
    // Memory use in kilobytes; 0 on systems without /proc.
    const memory = () => (existsSync('/proc/self/status') ? Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) : 0);
    const index = await (await fetch(site.base)).text();
    const paths = ['', 'about/', 'archive/', 'atom.xml', 'search/', 'nope', ...[...index.matchAll(/(?:href|src)="([^"#:]+)"/g)].map(([, path]) => path)];
    let asked = 0;
    let edits = 0;
    const ask = async () => {
      while (asked < 10_000) {
        const path = paths[asked++ % paths.length];
        const response = await fetch(site.base + path);
        const wanted = path === 'nope' ? [404] : path.startsWith('assets/') ? [200, 404] : [200];
        assert.ok(wanted.includes(response.status), `${path}: ${response.status}`);
        const length = Number(response.headers.get('content-length'));
        assert.equal((await response.arrayBuffer()).byteLength, length, path);
      }
    };
    const edit = async () => {
      while (asked < 10_000) {
        edits += 1;
        site.write('content/pages/soak.md', `---\ntitle: Soak\n---\nedition ${edits}\n`);
        if (edits % 5 === 0) site.write('themes/medium/static/css/print.css', `p { order: ${edits} }`);
        if (edits % 7 === 0) site.edit(`content/essays/${site.slug}.md`, (text) => `${text}\n${edits}\n`);
        await new Promise((done) => setTimeout(done, 40));
      }
    };
    await Promise.all(Array.from({ length: 4 }, ask));
    const before = memory();
    asked = 0;
    await Promise.all([...Array.from({ length: 16 }, ask), edit()]);
    assert.ok(edits > 10, `${edits} edits`);
    assert.ok(memory() < before * 2 + 65_536, `${before} kB before, ${memory()} kB after ${edits} edits`);
    await new Promise((done) => setTimeout(done, 500));
    assert.match(await (await fetch(`${site.base}soak/`)).text(), new RegExp(`edition ${edits}\\b`));
  } finally {
    await site.end();
  }
});

test('signals end the preview, even while browsers listen', { timeout: 60_000 }, async () => {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    const site = await Preview.start();
    const listening = await fetch(`${site.base}_venti/events?path=/`);
    assert.equal(listening.headers.get('content-type'), 'text/event-stream');
    site.process.kill(signal);
    const { code } = await site.ended;
    assert.equal(code, 0, signal);
    rmSync(site.root, { recursive: true });
  }
});

test('a port in use is an error if it was requested', async () => {
  const first = await Preview.start();
  const { port } = new URL(first.base);
  const second = spawn(venti, ['serve', '--root', first.root, '--port', port], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  second.stderr.on('data', (bytes) => {
    said += bytes;
  });
  const code = await new Promise((done) => second.on('exit', done));
  assert.equal(code, 1);
  assert.match(said, new RegExp(`port ${port} is already in use`));
  await first.end();
});
