import { expect, test } from 'vitest';
import { runChild } from '../api/run-child.js';

test('promises that reject within values end no process, wherever those are given, and however deep they lie', async () => {
  const { code, stdout, stderr } = await runChild('promises-in-values.ts');
  expect([code, stderr]).toStrictEqual([0, '']);
  const refused = ['VALUE_NOT_SERIALIZABLE'];
  expect(JSON.parse(stdout)).toStrictEqual({
    'result of an action': refused,
    'error of an action': ['told'],
    'thrown by an action': ['no failure: "object"'],
    'result of a flow': refused,
    'result of a branch': refused,
    'items of a map': refused,
    'arguments in a flow': refused,
    'arguments of a run': refused,
    'arguments of the next generation': refused,
    'detail of a heartbeat': refused,
    'value of an event': refused,
    'value of a callback': refused,
    'error of a callback': ['Error: told'],
    'result that comes too late': ['ACTION_TIMEOUT'],
  });
});
