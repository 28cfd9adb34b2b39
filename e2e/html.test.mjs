// Every page through the Nu HTML checker: no error, no warning.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { sites } from './sites.mjs';

const JAR = createRequire(import.meta.url).resolve('vnu-jar/build/dist/vnu.jar');

/** What the checker says about these files; it exits with 1 where it says anything. */
function check(files) {
  return new Promise((resolve, reject) => {
    // In one run: the virtual machine takes longer to start than to read a page.
    const options = ['-Xss8m', '-jar', JAR, '--Werror', '--html', '--stdout', '--format', 'json', '--no-langdetect', ...files];
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
      const pages = site.files().filter((path) => path.endsWith('.html'));
      const messages = await check(pages.map((path) => join(site.folder, path)));
      const said = messages.map(({ url, lastLine, subType, type, message, extract }) =>
        `${url?.split(site.folder).at(-1)}:${lastLine}: ${subType ?? type}: ${message} ${extract ?? ''}`);
      assert.deepEqual(summed(said), []);
    });
  }
});

/** The first few, and how many there are: one fault of a template is one on each page. */
function summed(said) {
  return said.length > 20 ? [...said.slice(0, 20), `… ${said.length} in all`] : said;
}
