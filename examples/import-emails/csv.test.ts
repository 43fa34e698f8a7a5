import { expect, test } from 'vitest';
import { parseCsv } from './csv.js';

test.each([
  [
    'plain fields',
    'a,b\nc,d\n',
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
  ],
  [
    'a last line without its end',
    'a,b\nc,',
    [
      ['a', 'b'],
      ['c', ''],
    ],
  ],
  [
    'line ends of Windows and a byte order mark',
    '\uFEFFa,b\r\nc,d\r\n',
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
  ],
  [
    'commas, quotes and line breaks in quotes',
    '"a, b","c ""d"""\n"e\nf",""\n',
    [
      ['a, b', 'c "d"'],
      ['e\nf', ''],
    ],
  ],
  [
    'blank lines',
    '\na,b\n\n\nc,d\n\n',
    [
      ['a', 'b'],
      ['c', 'd'],
    ],
  ],
  ['an empty file', '', []],
])('reads %s', (_what, text, expected) => {
  expect(parseCsv(text).map(({ fields }) => fields)).toEqual(expected);
});

test('knows on which line a record begins', () => {
  expect(parseCsv('a\n"b\nb"\n\nc\n').map(({ line }) => line)).toEqual([1, 2, 5]);
});

test.each([
  ['a quote that is not closed', 'a\n"b,c\nd\n'],
  ['a quote inside a field', 'a\nb"c"\n'],
  ['text after a quoted field', 'a\n"b"c\n'],
])('refuses %s', (_what, text) => {
  expect(() => parseCsv(text)).toThrow('line 2 has a quote');
});
