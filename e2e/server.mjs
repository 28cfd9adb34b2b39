// A static host for a built site. It serves one folder, at the root or under a sub-path, with
// index.html for folders, 404.html for missing files, gzip, and the headers of `_headers`.

import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { createGzip } from 'node:zlib';

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
  '.xml': 'application/xml; charset=utf-8',
};
const COMPRESSED = /^(text|application)\/|svg/;

/**
 * Serves `folder` under `mount` ('/' or '/blog/') on a free port of this machine. Paths outside
 * `mount` do not exist. Returns the origin, the URL of the mount, and a function that closes the server.
 */
export async function serve(folder, mount = '/') {
  const rules = headerRules(folder);
  const server = createServer((request, response) => answer(request, response, folder, mount, rules));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { origin, url: origin + mount, close };
}

function answer(request, response, folder, mount, rules) {
  const { pathname } = new URL(request.url, 'http://127.0.0.1');
  if (!pathname.startsWith(mount)) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('outside the site\n');
    return;
  }
  const path = decoded(pathname.slice(mount.length));
  const wanted = join(folder, normalize(`/${path}`));
  if (isFolder(wanted) && !pathname.endsWith('/')) {
    response.writeHead(301, { location: `${pathname}/` }).end();
    return;
  }
  const file = isFolder(wanted) ? join(wanted, 'index.html') : wanted;
  const found = existsSync(file);
  const sent = found ? file : join(folder, '404.html');
  if (!existsSync(sent)) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
    return;
  }
  const type = TYPES[extname(sent)] ?? 'application/octet-stream';
  const headers = { 'content-type': type, ...headersFor(rules, `/${path}`) };
  const zipped = COMPRESSED.test(type) && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  if (zipped) headers['content-encoding'] = 'gzip';
  response.writeHead(found ? 200 : 404, headers);
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const stream = createReadStream(sent);
  (zipped ? stream.pipe(createGzip()) : stream).pipe(response);
}

function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function isFolder(path) {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Parses `_headers`, in which each path is followed by its indented headers. A path may end in `*`. */
function headerRules(folder) {
  const file = join(folder, '_headers');
  if (!existsSync(file)) return [];
  const rules = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const text = line.trim();
    if (!text || text.startsWith('#')) continue;
    if (line.startsWith(' ') || line.startsWith('\t')) {
      const colon = text.indexOf(':');
      rules.at(-1).headers.push([text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim()]);
    } else {
      rules.push({ path: text, headers: [] });
    }
  }
  return rules;
}

function headersFor(rules, path) {
  const matches = ({ path: rule }) => (rule.endsWith('*') ? path.startsWith(rule.slice(0, -1)) : path === rule);
  return Object.fromEntries(rules.filter(matches).flatMap(({ headers }) => headers));
}
