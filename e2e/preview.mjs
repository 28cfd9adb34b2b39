// Runs `venti serve` on a copy of the demo's project, which a test may edit, break and fix.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const venti = resolve(process.env.VENTI ?? 'target/release/venti');
const project = resolve(process.env.VENTI_PROJECT ?? '.');

/** A copy of the demo's project, and a preview that runs on it. */
export class Preview {
  static async start(...flags) {
    const preview = new Preview();
    preview.root = mkdtempSync(join(tmpdir(), 'venti-preview-'));
    for (const name of ['content', 'venti.yaml', 'venti.lock']) {
      cpSync(join(project, name), preview.path(name), { recursive: true });
    }
    preview.process = spawn(venti, ['serve', '--root', preview.root, '--port', '0', ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
    preview.said = '';
    preview.ended = new Promise((done) => preview.process.on('exit', (code, signal) => done({ code, signal })));
    preview.process.stderr.on('data', (bytes) => {
      preview.said += bytes;
    });
    await preview.says(/http:\/\/\S+/);
    preview.base = /http:\/\/\S+/.exec(preview.said)[0];
    return preview;
  }

  path(...names) {
    return join(this.root, ...names);
  }

  write(path, text) {
    mkdirSync(join(this.path(path), '..'), { recursive: true });
    writeFileSync(this.path(path), text);
  }

  /** Saves a file as many editors do, by moving a new file over the old one. */
  replace(path, text) {
    writeFileSync(this.path(`${path}~new`), text);
    renameSync(this.path(`${path}~new`), this.path(path));
  }

  edit(path, change) {
    this.write(path, change(readFileSync(this.path(path), 'utf8')));
  }

  async says(pattern) {
    for (let waited = 0; !pattern.test(this.said); waited += 20) {
      assert.ok(waited < 20_000, `no ${pattern} in the output:\n${this.said}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  async end() {
    this.process.kill('SIGTERM');
    const ended = await this.ended;
    rmSync(this.root, { recursive: true, force: true });
    return ended;
  }

  /** The slug of a seed with only one take. */
  get slug() {
    const names = readdirSync(this.path('content/essays')).map((name) => name.replace('.md', ''));
    return names.find((name) => !name.includes('.') && !names.includes(`${name}.take-2`));
  }
}
