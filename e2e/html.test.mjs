// Runs every page through the Nu HTML checker, which must report no errors or warnings. A host serves
// the pages, because the checker applies their Content-Security-Policy, and 'self' needs an origin.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';

import { served, sites } from './sites.mjs';

const JAR = createRequire(import.meta.url).resolve('vnu-jar/build/dist/vnu.jar');

/** Returns the checker's messages about these pages. The checker exits with 1 if there are any. */
function check(urls) {
  return new Promise((resolve, reject) => {
    // Check all pages in a single run, because starting the JVM takes longer than checking a page. The
    // `-D` properties allow pages on this machine, which are blocked by default.
    const options = ['-Xss8m', '-Dnu.validator.servlet.allow-forbidden-hosts=true', '-Dnu.validator.servlet.allowed-address-type=all', '-jar', JAR, '--Werror', '--stdout', '--format', 'json', '--no-langdetect', ...urls];
    execFile('java', options, { maxBuffer: 1 << 28 }, (error, stdout) => {
      if (error?.code === 'ENOENT') reject(new Error('no Java: the HTML checker needs it'));
      else if (!stdout.trim().startsWith('{')) reject(error ?? new Error('the HTML checker printed no report'));
      else resolve(JSON.parse(stdout).messages);
    });
  });
}

describe('the HTML checker reports nothing', () => {
  for (const site of sites) {
    it(site.name, async () => {
      const place = await served(site, site.mount);
      try {
        const pages = site.files().filter((path) => path.endsWith('.html'));
        const messages = await check(pages.map((path) => place.base + encodeURI(path)));
        const said = messages.filter((message) => !mistaken(message)).map(({ url, lastLine, subType, type, message, extract }) =>
          `${url?.slice(place.base.length)}:${lastLine}: ${subType ?? type}: ${message} ${extract ?? ''}`);
        assert.deepEqual(summed(said), []);
      } finally {
        await place.close();
      }
    });
  }
});

/** Whether the checker mistakes a JSON-LD data block for a script, which would need a hash. */
function mistaken({ message, extract }) {
  return message.startsWith('Inline script violates') && extract.includes('<script type="application/ld+json">');
}

/** Shortens a long list of messages, because a mistake in a template appears on every page. */
function summed(said) {
  return said.length > 20 ? [...said.slice(0, 20), `… ${said.length} in all`] : said;
}
