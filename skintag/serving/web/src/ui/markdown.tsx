/** A model card as elements of the page. Loaded with the screen that shows it. */
import { Fragment, type ReactNode } from 'react';
import { blocksOf, type Block, type Span } from '../core/markdown';
import { Outbound } from './parts';

const SIZES = ['text-2xl', 'text-xl', 'text-lg font-semibold', 'font-semibold', 'font-semibold', 'font-semibold'];

function spans(of: readonly Span[]): ReactNode {
  return of.map((span, i) => <Fragment key={i}>{said(span)}</Fragment>);
}

function said(span: Span): ReactNode {
  switch (span.kind) {
    case 'text':
      return span.text;
    case 'code':
      return <code className="rounded bg-card px-1 break-words">{span.text}</code>;
    case 'bold':
      return <strong>{spans(span.spans)}</strong>;
    case 'emphasis':
      return <em>{spans(span.spans)}</em>;
    case 'link': // others than these would be places of this app, or scripts
      return /^https:\/\//.test(span.href) ? (
        <Outbound href={span.href}>{spans(span.spans)}</Outbound>
      ) : (
        spans(span.spans)
      );
  }
}

function Table({ head, right, rows }: Extract<Block, { kind: 'table' }>) {
  const side = (i: number): string => `px-2 py-1 ${right[i] ? 'text-end' : 'text-start'}`;
  return (
    <div className="overflow-x-auto">
      <table className="border-collapse text-sm">
        <thead className="border-b border-edge">
          <tr>
            {head.map((cell, i) => (
              <th key={i} scope="col" className={side(i)}>
                {spans(cell)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {rows.map((row, i) => (
            <tr key={i}>
              {row.map((cell, k) => (
                <td key={k} className={side(k)}>
                  {spans(cell)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function List({ ordered, items }: Extract<Block, { kind: 'list' }>) {
  const Tag = ordered ? 'ol' : 'ul';
  return (
    <Tag className={`grid gap-1 ps-5 ${ordered ? 'list-decimal' : 'list-disc'}`}>
      {items.map((item, i) => (
        <li key={i}>{spans(item)}</li>
      ))}
    </Tag>
  );
}

function shown(block: Block, under: number): ReactNode {
  switch (block.kind) {
    case 'heading': {
      const Tag = `h${Math.min(6, block.level + under)}` as 'h3';
      return <Tag className={`mt-3 ${SIZES[block.level - 1]}`}>{spans(block.spans)}</Tag>;
    }
    case 'paragraph':
      return <p>{spans(block.spans)}</p>;
    case 'quote':
      return <blockquote className="border-s-4 border-edge ps-3">{spans(block.spans)}</blockquote>;
    case 'list':
      return <List {...block} />;
    case 'code':
      return <pre className="overflow-x-auto rounded-xl bg-card p-3 text-xs">{block.text}</pre>;
    case 'rule':
      return <hr className="border-edge" />;
    case 'table':
      return <Table {...block} />;
  }
}

/** `under`: the level of the heading that it stands under. */
export function Markdown({ text, under }: { text: string; under: number }) {
  return blocksOf(text).map((block, i) => <Fragment key={i}>{shown(block, under)}</Fragment>);
}
