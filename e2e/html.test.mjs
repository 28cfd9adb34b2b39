// Every page through the Nu HTML checker: no error, no warning. It fetches them from a host, since
// it holds what a page loads to the page's policy, and 'self' means nothing in a folder.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';

import { served, sites } from './sites.mjs';

const JAR = createRequire(import.meta.url).resolve('vnu-jar/build/dist/vnu.jar');

/** What the checker says about these pages; it exits with 1 where it says anything. */
function check(urls) {
  return new Promise((resolve, reject) => {
    // In one run: the virtual machine takes longer to start than to read a page.
    // Of its own accord it looks at no page of this machine.
    const options = ['-Xss8m', '-Dnu.validator.servlet.allow-forbidden-hosts=true', '-Dnu.validator.servlet.allowed-address-type=all', '-jar', JAR, '--Werror', '--stdout', '--format', 'json', '--no-langdetect', ...urls];
    execFile('java', options, { maxBuffer: 1 << 28 }, (error, stdout) => {
      if (error?.code === 'ENOENT') reject(new Error('no Java: the HTML checker needs it'));
      else if (!stdout.trim().startsWith('{')) reject(error ?? new Error('the HTML checker said nothing'));
      else resolve(JSON.parse(stdout).messages);
    });
  });
}

describe('the HTML checker has nothing to say', () => {
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

/** A block of data is no script, and no policy asks for its hash; the checker takes it for one. */
function mistaken({ message, extract }) {
  return message.startsWith('Inline script violates') && extract.includes('<script type="application/ld+json">');
}

/** The first few, and how many there are: one fault of a template is one on each page. */
function summed(said) {
  return said.length > 20 ? [...said.slice(0, 20), `… ${said.length} in all`] : said;
}
