/** The Markdown that model cards are written in, as blocks and spans: no HTML in it is ever anything but text. */

export type Span =
  | { kind: 'text' | 'code'; text: string }
  | { kind: 'bold' | 'emphasis'; spans: Span[] }
  | { kind: 'link'; href: string; spans: Span[] };

export type Block =
  | { kind: 'heading'; level: number; spans: Span[] }
  | { kind: 'paragraph' | 'quote'; spans: Span[] }
  | { kind: 'list'; ordered: boolean; items: Span[][] }
  | { kind: 'code'; text: string }
  | { kind: 'rule' }
  | { kind: 'table'; head: Span[][]; right: boolean[]; rows: Span[][][] };

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
const LIST = /^\s*(?:[-*+]|(\d+)[.)])\s+(.*)$/;
const RULE = /^\s*([-*_])(?:\s*\1){2,}\s*$/;
const DASHES = /^\s*\|?(?:\s*:?-+:?\s*\|)*\s*:?-+:?\s*\|?\s*$/;

/** Blocks of a document; what its front matter says is left out. */
export function blocksOf(markdown: string): Block[] {
  const lines = markdown
    .replace(/\r\n?/g, '\n')
    .replace(/^---\n[\s\S]*?\n---\n/, '')
    .split('\n');
  const blocks: Block[] = [];
  while (lines.length) {
    if (!lines[0]!.trim()) lines.shift();
    else blocks.push(special(lines) ?? paragraph(lines));
  }
  return blocks;
}

/** A block that its first line tells; null where that is plain text. Takes its lines away. */
function special(lines: string[]): Block | null {
  const line = lines[0]!;
  const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
  if (heading) {
    lines.shift();
    return { kind: 'heading', level: heading[1]!.length, spans: spansOf(heading[2]!) };
  }
  if (/^(```|~~~)/.test(line)) return fenced(lines);
  if (RULE.test(line)) {
    lines.shift();
    return { kind: 'rule' };
  }
  if (line.startsWith('>')) {
    const quoted = while_(lines, (one) => one.startsWith('>'));
    return { kind: 'quote', spans: spansOf(quoted.map((one) => one.replace(/^>\s?/, '')).join(' ')) };
  }
  if (line.includes('|') && DASHES.test(lines[1] ?? '') && lines[1]!.includes('|')) return table(lines);
  return LIST.test(line) ? list(lines) : null;
}

function fenced(lines: string[]): Block {
  const fence = lines.shift()!.slice(0, 3);
  const text = while_(lines, (one) => !one.startsWith(fence)).join('\n');
  lines.shift();
  return { kind: 'code', text };
}

function list(lines: string[]): Block {
  const ordered = LIST.exec(lines[0]!)![1] !== undefined;
  const items: string[] = [];
  for (const line of while_(lines, (one) => one.trim() !== '' && !/^#/.test(one))) {
    const item = LIST.exec(line);
    if (item) items.push(item[2]!);
    else items[items.length - 1] += ` ${line.trim()}`;
  }
  return { kind: 'list', ordered, items: items.map(spansOf) };
}

function table(lines: string[]): Block {
  const [head, dashes, ...rows] = while_(lines, (one) => one.includes('|')).map(cellsOf);
  const right = dashes!.map((cell) => cell.endsWith(':') && !cell.startsWith(':'));
  return { kind: 'table', head: head!.map(spansOf), right, rows: rows.map((row) => row.map(spansOf)) };
}

/** A row's cells: a border that is escaped is none. */
function cellsOf(line: string): string[] {
  const inner = line
    .trim()
    .replace(/^\|/, '')
    .replace(/(?<!\\)\|$/, '');
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim());
}

function paragraph(lines: string[]): Block {
  const taken = [lines.shift()!];
  while (lines.length && lines[0]!.trim() && !/^(#{1,6}\s|>|```|~~~)/.test(lines[0]!) && !LIST.test(lines[0]!)) {
    taken.push(lines.shift()!);
  }
  return { kind: 'paragraph', spans: spansOf(taken.map((one) => one.trim()).join(' ')) };
}

/** Takes the first lines away for which something holds. */
function while_(lines: string[], holds: (line: string) => boolean): string[] {
  const end = lines.findIndex((line) => !holds(line));
  return lines.splice(0, end < 0 ? lines.length : end);
}

const SPAN = new RegExp(
  [
    /\\([!-/:-@[-`{-~])/, // escaped
    /(`+)(.+?)\2(?!`)/, // code
    /\*\*((?:\\.|[^\\])+?)\*\*/, // bold
    /\*((?:\\.|[^\\*])+?)\*/, // emphasis
    /\[((?:\\.|[^\]\\])*)\]\(([^\s)]*)\)/, // a link
    /&(#?\w+);/, // an entity
  ]
    .map((part) => part.source)
    .join('|'),
  'g',
);

/** Text with its marks. */
export function spansOf(text: string): Span[] {
  const spans: Span[] = [];
  const say = (said: string): void => {
    const last = spans.at(-1);
    if (last?.kind === 'text') last.text += said;
    else if (said) spans.push({ kind: 'text', text: said });
  };
  let at = 0;
  for (const found of text.matchAll(SPAN)) {
    const [whole, escaped, , code, bold, emphasis, label, href, entity] = found;
    say(text.slice(at, found.index));
    at = found.index + whole.length;
    if (escaped !== undefined) say(escaped);
    else if (code !== undefined) spans.push({ kind: 'code', text: code.trim() });
    else if (bold !== undefined) spans.push({ kind: 'bold', spans: spansOf(bold) });
    else if (emphasis !== undefined) spans.push({ kind: 'emphasis', spans: spansOf(emphasis) });
    else if (label !== undefined) spans.push({ kind: 'link', href: href!, spans: spansOf(label) });
    else say(ENTITIES[entity!] ?? whole);
  }
  say(text.slice(at));
  return spans;
}
