// Runs Lighthouse on one page, as a phone or a desktop.

import * as chromeLauncher from 'chrome-launcher';
import lighthouse, { desktopConfig } from 'lighthouse';

import { chromiumPath, FLAGS } from './browser.mjs';

export const DEVICES = ['mobile', 'desktop'];

/** Starts a Chromium for several audits. The caller must `kill` it. */
export function launchChrome() {
  return chromeLauncher.launch({
    chromePath: chromiumPath(),
    chromeFlags: [...FLAGS, '--headless=new'],
    logLevel: 'silent',
  });
}

/** Returns Lighthouse's results for the page at `url`. Scores are out of 100. */
export async function audit(chrome, url, device) {
  const flags = {
    port: chrome.port,
    logLevel: 'error',
    output: 'json',
    onlyCategories: ['performance', 'accessibility', 'best-practices', 'seo'],
  };
  const { lhr } = await lighthouse(url, flags, device === 'desktop' ? desktopConfig : undefined);
  if (lhr.runtimeError) throw new Error(`${url}: ${lhr.runtimeError.message}`);
  const scores = Object.fromEntries(Object.values(lhr.categories).map(({ id, score }) => [id, Math.round(score * 100)]));
  // List the failed audits of all categories except performance, which is only measured.
  const gates = Object.values(lhr.categories).filter(({ id }) => id !== 'performance');
  const failed = gates
    .flatMap(({ auditRefs }) => auditRefs.filter(({ weight }) => weight > 0).map(({ id }) => lhr.audits[id]))
    .filter(({ score }) => score !== null && score < 1)
    .map(({ id, title, explanation, details }) => `${id}: ${title} ${explanation ?? ''} ${JSON.stringify(details?.items ?? []).slice(0, 300)}`);
  const value = (id) => lhr.audits[id].numericValue;
  return { scores, failed, bytes: value('total-byte-weight'), shift: value('cumulative-layout-shift'), paint: value('largest-contentful-paint') };
}

/** Returns a one-line summary of the results. */
export function line(name, device, { scores, bytes, shift, paint }) {
  const list = Object.entries(scores).map(([id, score]) => `${id} ${score}`).join(', ');
  return `${name}, ${device}: ${list}; ${(bytes / 1000).toFixed(1)} kB, layout shift ${shift.toFixed(3)}, largest paint ${Math.round(paint)} ms`;
}
