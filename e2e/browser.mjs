// A browser that reports faults: errors in the console, violations of the Content-Security-Policy,
// failed requests, and requests to other sites.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';

import { chromium } from 'playwright-core';

/** Returns the path of the Chromium to use: $CHROMIUM, or the first installed one of the usual names. */
export function chromiumPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8' }).trim();
    } catch {
      // No browser of this name is installed; try the next name.
    }
  }
  throw new Error('no Chromium: install one, or set CHROMIUM to its path');
}

/** Flags that cut off the network: no name resolves, and only 127.0.0.1 is reachable. */
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
 * Runs `visit(page)` in a fresh profile, then asserts that there were no faults.
 * `options`: scripts (default true), scheme ('light', 'dark'), motion ('reduce'), width, height,
 * and `expected`, a regular expression for faults to ignore.
 */
export async function reader(browser, place, options, visit) {
  const { scripts = true, scheme = 'light', motion = 'no-preference', width = 1280, height = 800, expected } = options;
  const context = await browser.newContext({
    colorScheme: scheme,
    javaScriptEnabled: scripts,
    reducedMotion: motion,
    viewport: { width, height },
  });
  // The timeout is long enough for a busy machine.
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
    // The handlers below report failed requests with their addresses.
    if (message.text().startsWith('Failed to load resource')) return;
    if (['error', 'warning'].includes(message.type())) faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('crash', () => faults.push('the page crashed'));
  page.on('request', (request) => {
    const url = request.url();
    if (/^(data|blob|about):/.test(url)) return;
    requests.push({ url, kind: request.resourceType() });
    if (!url.startsWith(place.base)) faults.push(`request: ${url} is outside this site`);
  });
  page.on('requestfailed', (request) => {
    // Leaving a page aborts its pending requests, which is not a fault.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') faults.push(`failed: ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) faults.push(`status: ${response.status()} ${response.url()}`);
  });
}
