// Runs the browser checks: all of them, or the named files.
//
//     npm run e2e                      npm run e2e -- reading links

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec as Spec } from 'node:test/reporters';

// The longest tests run first, so that none of them holds up the end of the run.
const LONGEST = ['lighthouse', 'reading', 'accessibility', 'finding'];
const MINUTES = 60_000;

const folder = import.meta.dirname;
const names = readdirSync(folder).filter((file) => file.endsWith('.test.mjs')).map((file) => file.replace('.test.mjs', ''));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length) {
  console.error(`unknown checks: ${unknown.join(' ')}; available: ${names.join(', ')}`);
  process.exit(2);
}
const rank = (name) => LONGEST.indexOf(name) >>> 0;
const files = (wanted.length ? wanted : names).sort((a, b) => rank(a) - rank(b)).map((name) => join(folder, `${name}.test.mjs`));

const tests = run({ files, concurrency: 2, timeout: 15 * MINUTES });
tests.on('test:fail', () => {
  process.exitCode = 1;
});
tests.compose(new Spec()).pipe(process.stdout);
