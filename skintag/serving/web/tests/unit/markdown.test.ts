/** A model card's Markdown as elements: marks become what they mean, and whatever else is in it stays text. */
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it } from 'vitest';
import { blocksOf, spansOf } from '../../src/core/markdown';
import { Markdown } from '../../src/ui/markdown';

const html = (text: string): string =>
  renderToStaticMarkup(createElement(Markdown, { text, under: 2 })).replace(/ (class|scope)="[^"]*"/g, '');

describe('a model card', () => {
  it('has its headings below the screen’s, paragraphs, quotes, rules and code', () => {
    expect(html('---\ntags: x\n---\n# One\n\n## Two ##\ntext\non two lines\n\n> **Mind.** that\n\n***\n')).toBe(
      '<h3>One</h3><h4>Two</h4><p>text on two lines</p><blockquote><strong>Mind.</strong> that</blockquote><hr/>',
    );
    expect(html('```\na | b\n# c\n```\n`x`, ``a ` b``')).toBe(
      '<pre>a | b\n# c</pre><p><code>x</code>, <code>a ` b</code></p>',
    );
  });

  it('has its lists', () => {
    expect(html('- one\n  and more\n- *two*\n\n1. first\n2. second')).toBe(
      '<ul><li>one and more</li><li><em>two</em></li></ul><ol><li>first</li><li>second</li></ol>',
    );
  });

  it('has its tables, with escaped borders in their cells', () => {
    const table = blocksOf('| split | all |\n| --- | ---: |\n| a \\| b | 0.5 |\n\nA note.')[0];
    expect(table).toMatchObject({ kind: 'table', right: [false, true] });
    expect(html('| split | all |\n| --- | ---: |\n| a \\| b | **0.5** |\n\nA note.')).toBe(
      '<div><table><thead><tr><th>split</th><th>all</th></tr></thead><tbody><tr><td>a | b</td>' +
        '<td><strong>0.5</strong></td></tr></tbody></table></div><p>A note.</p>',
    );
  });

  it('says what was escaped as it was meant', () => {
    expect(html('\\*not\\* bold, 2 &lt; 3 &amp; \\# \\\\, a_b_c, &copy;, 3 * 4')).toBe(
      '<p>*not* bold, 2 &lt; 3 &amp; # \\, a_b_c, &amp;copy;, 3 * 4</p>',
    );
  });

  it('cannot bring elements, scripts or links of its own', () => {
    const evil =
      '<script>alert(1)</script> <img src=x onerror=a> [go](javascript:alert(1)) [stay](#/home) ![x](data:x)';
    const made = html(evil);
    expect(made).not.toMatch(/<(script|img|a)\b/);
    expect(made).toContain('&lt;script&gt;');
    expect(spansOf('[a](https://b.c)')).toEqual([
      { kind: 'link', href: 'https://b.c', spans: [{ kind: 'text', text: 'a' }] },
    ]);
  });

  it('ends, whatever is in it', () => {
    for (const odd of ['|', '| a |\n| --- |', '**', '`', '> ', '- ', '```', '[](', '\\', '#'.repeat(9)]) {
      expect(() => html(odd)).not.toThrow();
    }
  });
});
