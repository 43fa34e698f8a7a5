// A rule for markdownlint: in paragraphs, items of lists and block quotes, each sentence stands on a line of its own, however long. A change of one sentence
// is then a change of one line. The fix joins and breaks lines, and changes nothing of what is rendered.

import type { MicromarkToken, Rule, RuleOnError } from 'markdownlint';

/** A line of a paragraph, without what stands before its text. */
interface Line {
  readonly number: number;
  /** The column at which the text begins, from 1. */
  readonly column: number;
  readonly text: string;
  /** As long as the text, with an `x` for each character of code, links and the like: they may have in them what looks like the end of a sentence. */
  readonly mask: string;
  /** What stands before the text when a further line is made of it. */
  readonly indent: string;
}

/** The blanks between two sentences. */
interface Gap {
  readonly from: number;
  readonly to: number;
}

/** Of these the text within counts; of other tokens only that they are there. */
const TRANSPARENT = new Set<string>(['strong', 'strongText', 'emphasis', 'emphasisText', 'strikethrough', 'strikethroughText']);
const LITERAL = new Set<string>(['data', 'strongSequence', 'emphasisSequence', 'strikethroughSequence']);
const BETWEEN_LINES = new Set<string>(['lineEnding', 'linePrefix', 'listItemIndent', 'blockQuotePrefix']);

const CLOSERS = '["\'”’)\\]*_~]*';
const END_OF_SENTENCE = new RegExp(`(?<![.…])[.!?](${CLOSERS})(?:\\s+|$)`, 'g');
const END_OF_LINE = new RegExp(`[.!?…]${CLOSERS}$`);
const ABBREVIATION = /(?<!\w)(?:e\.g|i\.e|etc|cf|vs)\.$/i;
const HARD_BREAK = / {2,}$|\\$/;

const rule: Rule = {
  names: ['one-sentence-a-line'],
  description: 'One sentence a line',
  tags: ['sentences'],
  parser: 'micromark',
  function: ({ lines, parsers }, onError) => {
    for (const paragraph of paragraphsIn(parsers.micromark.tokens)) {
      for (const [first, ...rest] of groupsOf(linesOf(paragraph, lines))) {
        reportSentences(first, rest.length === 0, onError);
        if (rest.length > 0) reportBreak([first, ...rest], onError);
      }
    }
  },
};
export default rule;

function paragraphsIn(tokens: readonly MicromarkToken[]): MicromarkToken[] {
  return tokens.flatMap((token) => (token.type === 'paragraph' ? [token] : paragraphsIn(token.children)));
}

function linesOf(paragraph: MicromarkToken, lines: readonly string[]): Line[] {
  const { startLine, startColumn, endLine, endColumn } = paragraph;
  const indent = (lines[startLine - 1] ?? '').slice(0, startColumn - 1).replace(/[^>\s]/g, ' ');
  return masksOf(paragraph, lines).map((masked, index) => {
    const number = startLine + index;
    const line = lines[number - 1] ?? '';
    const column = number === startLine ? startColumn : masked.length - masked.trimStart().length + 1;
    const end = number === endLine ? endColumn : line.length + 1;
    return { number, column, text: line.slice(column - 1, end - 1), mask: masked.slice(column - 1, end - 1), indent };
  });
}

/** The whole lines of a paragraph, with blanks for what stands before the text. */
function masksOf(paragraph: MicromarkToken, lines: readonly string[]): string[] {
  const masks = lines.slice(paragraph.startLine - 1, paragraph.endLine).map((line) => line.split(''));
  const fill = ({ startLine, startColumn, endLine, endColumn }: MicromarkToken, character: string): void => {
    for (let number = startLine; number <= endLine; number += 1) {
      const from = number === startLine ? startColumn - 1 : 0;
      masks[number - paragraph.startLine]?.fill(character, from, number === endLine ? endColumn - 1 : undefined);
    }
  };
  const visit = (token: MicromarkToken): void => {
    if (BETWEEN_LINES.has(token.type)) {
      fill(token, ' ');
    } else {
      if (!TRANSPARENT.has(token.type) && !LITERAL.has(token.type)) fill(token, 'x');
      token.children.forEach(visit);
    }
  };
  paragraph.children.forEach(visit);
  return masks.map((mask) => mask.join(''));
}

/** Lines that belong together, because each but the last of a group breaks off in the middle of a sentence. */
function groupsOf(lines: readonly Line[]): [Line, ...Line[]][] {
  const groups: [Line, ...Line[]][] = [];
  let goesOn = false;
  for (const line of lines) {
    const last = groups.at(-1);
    if (goesOn && last !== undefined) last.push(line);
    else groups.push([line]);
    goesOn = !endsSentence(line) && !HARD_BREAK.test(line.text);
  }
  return groups;
}

function endsSentence({ mask }: Line): boolean {
  const text = mask.trimEnd();
  return END_OF_LINE.test(text) && !ABBREVIATION.test(text);
}

function reportSentences({ number, column, text, mask, indent }: Line, fixable: boolean, onError: RuleOnError): void {
  for (const { from, to } of gapsIn(mask)) {
    const fixInfo = { editColumn: column + from, deleteCount: to - from, insertText: `\n${indent}` };
    onError({ lineNumber: number, detail: 'two sentences in one line', context: excerpt(text.slice(to)), ...(fixable && { fixInfo }) });
  }
}

/** The whole group is written once more in the place of its first line, and its other lines are deleted. */
function reportBreak([first, ...rest]: readonly [Line, ...Line[]], onError: RuleOnError): void {
  const trimmed = [first, ...rest].map(trim);
  const sentences = sentencesIn(trimmed.map(({ text }) => text).join(' '), trimmed.map(({ mask }) => mask).join(' '));
  const insertText = sentences.join(`\n${first.indent}`);
  onError({
    lineNumber: first.number,
    detail: 'a sentence is broken over two lines',
    context: excerpt(first.text),
    fixInfo: { editColumn: first.column, deleteCount: first.text.length, insertText },
  });
  for (const { number, text } of rest) {
    onError({
      lineNumber: number,
      detail: 'the line goes on with the sentence of the line before',
      context: excerpt(text),
      fixInfo: { deleteCount: -1 },
    });
  }
}

function excerpt(text: string): string {
  return text.trim().slice(0, 40);
}

function trim({ text, mask }: Line): { readonly text: string; readonly mask: string } {
  const from = text.length - text.trimStart().length;
  const to = text.trimEnd().length;
  return { text: text.slice(from, to), mask: mask.slice(from, to) };
}

function sentencesIn(text: string, mask: string): string[] {
  const gaps = gapsIn(mask);
  return [0, ...gaps.map(({ to }) => to)].map((start, index) => text.slice(start, gaps[index]?.from));
}

function gapsIn(mask: string): Gap[] {
  return [...mask.matchAll(END_OF_SENTENCE)].flatMap(({ 0: end, 1: closers = '', index }) => {
    const from = index + end.trimEnd().length;
    const to = index + end.length;
    if (to === mask.length || ABBREVIATION.test(mask.slice(0, index + 1))) return [];
    // A remark within a sentence (or is it a question?) does not end it.
    const remark = /["'”’)\]]/.test(closers) && /^\p{Ll}/u.test(mask.slice(to));
    return remark ? [] : [{ from, to }];
  });
}
