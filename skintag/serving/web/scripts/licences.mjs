/** The licences of the packages that modules come from: name, version, licence and its text. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const MARK = '/node_modules/';

/** The folder of the package that a module lies in; null for the app's own modules. */
export function folderOf(id) {
  const path = id.replace(/^\0+/, '').split('?')[0].replaceAll('\\', '/');
  const at = path.lastIndexOf(MARK);
  if (at < 0) return null;
  const parts = path.slice(at + MARK.length).split('/');
  const name = parts[0].startsWith('@') ? parts.slice(0, 2) : parts.slice(0, 1);
  return path.slice(0, at + MARK.length) + name.join('/');
}

function textOf(folder) {
  const name = readdirSync(folder).find((file) => /^(licen[cs]e|copying|ofl)/i.test(file));
  if (name) return readFileSync(join(folder, name), 'utf-8').trim();
  const up = dirname(folder);
  const shared = ['LICENSE', 'LICENSE.md'].map((file) => join(up, file)).find((file) => existsSync(file));
  return shared ? readFileSync(shared, 'utf-8').trim() : '';
}

/** The text of a licence whose package has none of its own: what the MIT licence says, with the author's name. */
function standard(said, root) {
  if (said.license !== 'MIT') return '';
  const author = typeof said.author === 'string' ? said.author : (said.author?.name ?? `the authors of ${said.name}`);
  const text = readFileSync(join(root, 'scripts', 'mit.txt'), 'utf-8').trim();
  return text.replace('<author>', author);
}

/** One entry a package, by name. Style sheets and fonts are imported by name, so those packages are added. */
export function licencesOf(ids, root) {
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf-8'));
  const always = Object.keys(own.dependencies).filter((name) => name.startsWith('@fontsource/'));
  const named = [...always, 'tailwindcss', 'workbox-core', 'workbox-precaching', 'workbox-routing', 'workbox-window'];
  const folders = new Set(named.map((name) => `${root.replace(/\/$/, '')}${MARK}${name}`));
  for (const id of ids) {
    const folder = folderOf(id);
    if (folder) folders.add(folder);
  }
  const entries = [...folders]
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .map((folder) => {
      const said = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf-8'));
      return {
        name: said.name,
        version: said.version,
        licence: said.license ?? '',
        text: textOf(folder) || standard(said, root),
      };
    });
  return entries.sort((a, b) => a.name.localeCompare(b.name));
}
