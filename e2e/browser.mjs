// A reader's browser, and what no page may do in it: write an error to the console, break its own
// Content-Security-Policy, fail a request, or ask anybody but its own site for anything.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';

import { chromium } from 'playwright-core';

/** The Chromium to drive: $CHROMIUM, or the first of the usual names that is installed. */
export function chromiumPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8' }).trim();
    } catch {
      // Not this one.
    }
  }
  throw new Error('no Chromium: install one, or set CHROMIUM to its path');
}

/** Without a network: no name resolves, and only this machine's own address is there. */
export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

export function launch() {
  return chromium.launch({ executablePath: chromiumPath(), args: FLAGS });
}

/**
 * Runs `visit(page)` in a fresh profile and then asserts that nothing went wrong on the way.
 * `options`: scripts (default true), scheme ('light', 'dark'), motion ('reduce'), width, height,
 * and `expected`, a pattern of faults that are the point of the test.
 */
export async function reader(browser, place, options, visit) {
  const { scripts = true, scheme = 'light', motion = 'no-preference', width = 1280, height = 800, expected } = options;
  const context = await browser.newContext({
    colorScheme: scheme,
    javaScriptEnabled: scripts,
    reducedMotion: motion,
    viewport: { width, height },
  });
  // Long enough for a busy machine; what is there is there at once.
  context.setDefaultTimeout(10_000);
  try {
    const faults = [];
    const requests = [];
    await watchPolicy(context, faults, scripts);
    context.on('page', (page) => watch(page, place, faults, requests));
    const page = await context.newPage();
    await visit(page, { context, requests, faults });
    const unexpected = faults.filter((fault) => !expected?.test(fault));
    assert.deepEqual(unexpected, [], `on ${page.url()}`);
  } finally {
    await context.close();
  }
}

async function watchPolicy(context, faults, scripts) {
  if (!scripts) return;
  await context.exposeFunction('ventiViolation', (violation) => faults.push(`policy: ${violation}`));
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      globalThis.ventiViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
    });
  });
}

function watch(page, place, faults, requests) {
  page.on('console', (message) => {
    // Those are told below, with their addresses.
    if (message.text().startsWith('Failed to load resource')) return;
    if (['error', 'warning'].includes(message.type())) faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('crash', () => faults.push('the page crashed'));
  page.on('request', (request) => {
    const url = request.url();
    if (/^(data|blob|about):/.test(url)) return;
    requests.push({ url, kind: request.resourceType() });
    if (!url.startsWith(place.base)) faults.push(`request: ${url} is not of this site`);
  });
  page.on('requestfailed', (request) => {
    // A page that is left while something of it still loads has failed in nothing.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') faults.push(`failed: ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) faults.push(`status: ${response.status()} ${response.url()}`);
  });
}
