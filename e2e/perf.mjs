// Prints Lighthouse's performance scores: the median of five runs per page and device.
//
//     npm run perf

import { audit, DEVICES, launchChrome, line } from './lighthouse.mjs';
import { demo, served } from './sites.mjs';

const RUNS = 5;

const place = await served(demo, demo.mount);
const chrome = await launchChrome();
for (const kind of ['index', 'thinkpiece']) {
  for (const device of DEVICES) {
    const results = [];
    for (let run = 0; run < RUNS; run++) results.push(await audit(chrome, place.url(demo.kinds()[kind]), device));
    results.sort((a, b) => a.scores.performance - b.scores.performance || b.paint - a.paint);
    console.log(`${line(kind, device, results[(RUNS - 1) / 2])}; performance of each run: ${results.map(({ scores }) => scores.performance).join(' ')}`);
  }
}
chrome.kill();
await place.close();
