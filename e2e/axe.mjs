// Runs axe-core on a page, with its rules for WCAG 2.2 AA and best practices.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

async function violations(page) {
  const { violations } = await page.evaluate((tags) => axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] }), RULES);
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.slice(0, 3).map((node) => `${id} (${help}): ${node.html.slice(0, 160)} ${node.any.concat(node.all).map((check) => check.message).join('; ').slice(0, 200)}`),
  );
}

/** Returns all violations on the current page, on a phone and a desktop, in both colour schemes. */
export async function everyLook(page) {
  const found = new Set();
  await page.evaluate(AXE);
  for (const width of [360, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      for (const violation of await violations(page)) found.add(`${width} px, ${colorScheme}: ${violation}`);
    }
  }
  return [...found];
}
