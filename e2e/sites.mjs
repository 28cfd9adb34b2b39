// The built sites under test, and the places where each is tested: the root of a host, a sub-path, and
// the file system.

import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';

import { serve } from './server.mjs';

/** A built site. `mount` is the path of its base_url; the site's 404.html works only there. */
class Site {
  constructor(name, folder, mount) {
    this.name = name;
    this.folder = resolve(folder);
    this.mount = mount;
    if (!existsSync(join(this.folder, 'index.html'))) {
      throw new Error(`${name}: no site in ${this.folder}; see "The browser checks" in CONTRIBUTING.md`);
    }
    this.pieces = JSON.parse(readFileSync(join(this.folder, 'thinkpieces.json'), 'utf8')).thinkpieces;
  }

  has(path) {
    return existsSync(join(this.folder, path));
  }

  read(path) {
    return readFileSync(join(this.folder, path), 'utf8');
  }

  /** Returns the relative paths of all files of the site, with `/` as separator. */
  files() {
    return readdirSync(this.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(this.folder.length + 1).split(sep).join('/'))
      .sort();
  }

  /** Returns the path of the first file below `folder` whose path matches `pattern`. */
  first(folder, pattern) {
    if (!this.has(folder)) return undefined;
    this.listing ??= this.files();
    return this.listing.find((path) => path.startsWith(`${folder}/`) && pattern.test(path));
  }

  /** Returns the path of one page of each kind, keyed by kind; null if the site has no such page. */
  kinds() {
    const slug = (piece) => piece && `${piece.slug}/index.html`;
    const several = this.pieces.find((piece) => piece.take > 1);
    const kinds = {
      index: 'index.html',
      'index-2': 'page/2/index.html',
      thinkpiece: slug(this.pieces.find((piece) => !/^(hostile|short|written)/.test(piece.slug) && piece.author)),
      take: several && `${several.slug}/take-2/index.html`,
      gallery: several && `${several.slug}/takes/index.html`,
      tags: 'tags/index.html',
      tag: this.first('tags', /^tags\/[^/]+\/index.html$/),
      authors: 'authors/index.html',
      author: this.first('authors', /^authors\/[^/]+\/index.html$/),
      archive: 'archive/index.html',
      month: this.first('archive', /^archive\/\d+\/\d+\/index.html$/),
      random: 'random/index.html',
      search: 'search/index.html',
      plain: 'about/index.html',
      404: '404.html',
    };
    if (this.name === 'made') {
      for (const name of ['hostile', 'a-long-word', 'a-long-title', 'umlauts', 'written-by-hand', 'a-quote-in-paragraphs', 'short']) {
        kinds[name] = `${name}/index.html`;
      }
      kinds.workshop = 'workshop/index.html';
      kinds['tag-2'] = this.first('tags', /^tags\/[^/]+\/page\/2\/index.html$/);
      kinds['author-2'] = this.first('authors', /^authors\/[^/]+\/page\/2\/index.html$/);
    }
    return Object.fromEntries(Object.entries(kinds).map(([kind, path]) => [kind, path && this.has(path) ? path : null]));
  }
}

export const demo = new Site('demo', process.env.VENTI_DEMO ?? 'output', '/');
export const made = new Site('made', process.env.VENTI_MADE ?? 'target/e2e/made/output', '/blog/');
export const sites = [demo, made];

/** A site at one place: on a host under a path, or in the file system. */
class Place {
  constructor(site, way, base, close) {
    Object.assign(this, { site, way, base, close, name: `${site.name} at ${way}` });
  }

  /** Returns the address of a page. On a host, the address of a folder stands for its index.html. */
  url(path) {
    return this.base + (this.served ? path.replace(/(^|\/)index\.html$/, '$1') : path);
  }

  get served() {
    return this.way !== 'file://';
  }

  /** Whether the site was built for this place, so that the site's base_url applies. */
  get home() {
    return this.way === this.site.mount;
  }
}

/** Serves the site under `mount`. */
export async function served(site, mount) {
  const { url, close } = await serve(site.folder, mount);
  return new Place(site, mount, url, close);
}

/** Returns every site at every place. The caller must close the places with `closeAll`. */
export async function places() {
  const all = [];
  for (const site of sites) {
    all.push(await served(site, '/'), await served(site, '/blog/'));
    all.push(new Place(site, 'file://', `${pathToFileURL(site.folder).href}/`, async () => {}));
  }
  return all;
}

export async function closeAll(places) {
  for (const place of places) await place.close();
}
