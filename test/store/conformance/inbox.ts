import { expect } from 'vitest';
import { batchOf, blockOf, endOf, messageTo, runOf, withRuns } from '../records.js';
import type { ConformanceCase } from './case.js';
import { area } from './case.js';

export const inbox: readonly ConformanceCase[] = area('inbox', {
  'a message waits for its run until a commit takes it (S7)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    expect(await (await connect()).send(messageTo('id', '{"reason":"é"}'))).toBe('RUNNING');
    const [message, ...others] = await store.readInbox('w1');
    expect(message).toEqual({ ...messageTo('id', '{"reason":"é"}'), id: message?.id });
    expect(others).toEqual([]);
    expect(await store.readInbox('w1')).toEqual([message]);
    await store.commit(batchOf({ taken: [message?.id ?? 0] }));
    expect(await store.readInbox('w1')).toEqual([]);
  },
  'messages are read in the order of their arrival': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b');
    const sent = Array.from({ length: 23 }, (_, index) => messageTo(index % 3 === 0 ? 'a' : 'b', `${index}`));
    for (const message of sent) await store.send(message);
    const read = await store.readInbox('w1');
    expect(read.map((message) => message.payload)).toEqual(sent.map((message) => message.payload));
    expect(read.every((message, index) => index === 0 || message.id > (read[index - 1]?.id ?? 0))).toBe(true);
  },
  'an id is never given twice': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.send(messageTo('id'));
    const [first] = await store.readInbox('w1');
    await store.commit(batchOf({ taken: [first?.id ?? 0] }));
    await store.send(messageTo('id'));
    const [second] = await store.readInbox('w1');
    expect(second?.id).toBeGreaterThan(first?.id ?? 0);
  },
  'a worker reads the messages of its own runs only': async (connect) => {
    const store = await withRuns(await connect(), 'mine');
    await store.registerWorker('w2', 1_000);
    await store.commit(batchOf({ workerId: 'w2', creates: [runOf('theirs', { workerId: 'w2' })] }));
    await store.send(messageTo('mine'));
    await store.send(messageTo('theirs'));
    expect((await store.readInbox('w2')).map((message) => message.runId)).toEqual(['theirs']);
  },
  'a message to an unknown run is refused': async (connect) => {
    expect(await (await connect()).send(messageTo('unknown'))).toBeUndefined();
  },
  'a message to an ended run is refused (S6)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ ends: [endOf('id', { status: 'FAILED' })] }));
    expect(await store.send(messageTo('id'))).toBe('FAILED');
    expect(await store.readInbox('w1')).toEqual([]);
  },
  'a run that ends loses its inbox, other runs keep theirs': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b');
    await store.send(messageTo('a'));
    await store.send(messageTo('b'));
    await store.commit(batchOf({ ends: [endOf('a')] }));
    expect((await store.readInbox('w1')).map((message) => message.runId)).toEqual(['b']);
  },
  'a blocked run keeps its inbox for its next owner (S7)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.send(messageTo('id', '"before"'));
    await store.commit(batchOf({ ends: [blockOf('id', 'NON_DETERMINISM')] }));
    expect(await store.send(messageTo('id', '"after"'))).toBe('BLOCKED');
    expect(await store.readInbox('w1')).toEqual([]);
    await store.unblock('id');
    await store.claimRuns({ workerId: 'w1', flows: [{ flow: 'order', version: 1 }], limit: 1 });
    expect((await store.readInbox('w1')).map((message) => message.payload)).toEqual(['"before"', '"after"']);
  },
  'a batch sends to runs of anybody, and to none that ended': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'ended');
    await store.registerWorker('w2', 1_000);
    await store.commit(batchOf({ workerId: 'w2', creates: [runOf('theirs', { workerId: 'w2' })] }));
    await store.commit(
      batchOf({ messages: [messageTo('theirs'), messageTo('unknown'), messageTo('ended'), messageTo('a')], ends: [endOf('ended')] }),
    );
    expect((await store.readInbox('w2')).map((message) => message.runId)).toEqual(['theirs']);
    expect((await store.readInbox('w1')).map((message) => message.runId)).toEqual(['a']);
  },
  'a batch may create a run and send to it': async (connect) => {
    const store = await withRuns(await connect());
    await store.commit(batchOf({ creates: [runOf('id')], messages: [messageTo('id')] }));
    expect(await store.readInbox('w1')).toHaveLength(1);
  },
  'a refused batch takes no message and sends none (S2)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.send(messageTo('id', '"kept"'));
    const [message] = await store.readInbox('w1');
    const refused = batchOf({ taken: [message?.id ?? 0], messages: [messageTo('id')], ends: [endOf('unknown')] });
    await expect(store.commit(refused)).rejects.toThrow();
    expect(await store.readInbox('w1')).toEqual([message]);
  },
});
