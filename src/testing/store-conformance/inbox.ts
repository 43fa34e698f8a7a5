import type { Store } from '../../store/store.js';
import { reading } from '../reading.js';
import { assertEqual, assertRefused } from './assertions.js';
import { area, type StoreCase } from './case.js';
import { batchOf, blockOf, endOf, messageTo, runOf, withRuns, workerOf } from './records.js';

export const inbox: readonly StoreCase[] = area('inbox', {
  'a message waits for its run until a commit takes it (S7)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    assertEqual(await (await connect()).send(messageTo('id', '{"reason":"é"}')), 'RUNNING');
    const [message, ...others] = await store.readInbox('w1');
    assertEqual(message, { ...messageTo('id', '{"reason":"é"}'), id: message?.id });
    assertEqual(others, []);
    assertEqual(await store.readInbox('w1'), [message]);
    await store.commit(batchOf({ taken: [message?.id ?? 0] }));
    assertEqual(await store.readInbox('w1'), []);
  },
  'messages are read in the order of their arrival': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b');
    const sent = Array.from({ length: 23 }, (_, index) => messageTo(index % 3 === 0 ? 'a' : 'b', `${index}`));
    for (const message of sent) await store.send(message);
    const read = await store.readInbox('w1');
    assertEqual(
      read.map((message) => message.payload),
      sent.map((message) => message.payload),
    );
    assertEqual(
      read.every((message, index) => index === 0 || message.id > (read[index - 1]?.id ?? 0)),
      true,
    );
  },
  'the messages of one run are read by any process until a commit takes them (S7)': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b');
    for (const [runId, payload] of [
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
    ] as const)
      await store.send(messageTo(runId, payload));
    const other = await connect();
    const [first, second, ...others] = await reading(other, (reader) => reader.inbox('a'));
    assertEqual([first?.payload, second?.payload, others.length], ['1', '3', 0]);
    assertEqual(
      await reading(other, (reader) => reader.inbox('a')),
      (await store.readInbox('w1')).filter(({ runId }) => runId === 'a'),
    );
    assertEqual(await reading(other, (reader) => reader.inbox('unknown')), []);
    await store.commit(batchOf({ taken: [first?.id ?? 0] }));
    assertEqual(await reading(other, (reader) => reader.inbox('a')), [second]);
    await store.commit(batchOf({ ends: [blockOf('a', 'NON_DETERMINISM')] }));
    assertEqual(await reading(other, (reader) => reader.inbox('a')), [second]);
    await store.commit(batchOf({ ends: [endOf('b')] }));
    assertEqual(await reading(other, (reader) => reader.inbox('b')), []);
  },
  'an id is never given twice': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.send(messageTo('id'));
    const [first] = await store.readInbox('w1');
    await store.commit(batchOf({ taken: [first?.id ?? 0] }));
    await store.send(messageTo('id'));
    const [second] = await store.readInbox('w1');
    assertEqual((second?.id ?? 0) > (first?.id ?? 0), true);
  },
  'a worker reads the messages of its own runs only': async (connect) => {
    const store = await withRuns(await connect(), 'mine');
    await store.registerWorker(workerOf('w2'));
    await store.commit(batchOf({ workerId: 'w2', creates: [runOf('theirs', { workerId: 'w2' })] }));
    await store.send(messageTo('mine'));
    await store.send(messageTo('theirs'));
    assertEqual(
      (await store.readInbox('w2')).map((message) => message.runId),
      ['theirs'],
    );
  },
  'a message to an unknown run is refused': async (connect) => {
    assertEqual(await (await connect()).send(messageTo('unknown')), undefined);
  },
  'a message to an ended run is refused (S6)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.commit(batchOf({ ends: [endOf('id', { status: 'FAILED' })] }));
    assertEqual(await store.send(messageTo('id')), 'FAILED');
    assertEqual(await store.readInbox('w1'), []);
  },
  'a run that ends loses its inbox, other runs keep theirs': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b');
    await store.send(messageTo('a'));
    await store.send(messageTo('b'));
    await store.commit(batchOf({ ends: [endOf('a')] }));
    assertEqual(
      (await store.readInbox('w1')).map((message) => message.runId),
      ['b'],
    );
  },
  'a blocked run keeps its inbox for its next owner (S7)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.send(messageTo('id', '"before"'));
    await store.commit(batchOf({ ends: [blockOf('id', 'NON_DETERMINISM')] }));
    assertEqual(await store.send(messageTo('id', '"after"')), 'BLOCKED');
    assertEqual(await store.readInbox('w1'), []);
    await store.unblock('id');
    await store.claimRuns({ workerId: 'w1', nowMs: 2_000, flows: [{ flow: 'order', version: 1 }], limit: 1 });
    assertEqual(
      (await store.readInbox('w1')).map((message) => message.payload),
      ['"before"', '"after"'],
    );
  },
  'a batch sends to runs of anybody, and to none that ended': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'ended');
    await store.registerWorker(workerOf('w2'));
    await store.commit(batchOf({ workerId: 'w2', creates: [runOf('theirs', { workerId: 'w2' })] }));
    await store.commit(
      batchOf({ messages: [messageTo('theirs'), messageTo('unknown'), messageTo('ended'), messageTo('a')], ends: [endOf('ended')] }),
    );
    assertEqual(
      (await store.readInbox('w2')).map((message) => message.runId),
      ['theirs'],
    );
    assertEqual(
      (await store.readInbox('w1')).map((message) => message.runId),
      ['a'],
    );
  },
  'a batch may create a run and send to it': async (connect) => {
    const store = await withRuns(await connect());
    await store.commit(batchOf({ creates: [runOf('id')], messages: [messageTo('id')] }));
    assertEqual((await store.readInbox('w1')).length, 1);
  },
  'a refused batch takes no message and sends none (S2)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    await store.send(messageTo('id', '"kept"'));
    const [message] = await store.readInbox('w1');
    const refused = batchOf({ taken: [message?.id ?? 0], messages: [messageTo('id')], ends: [endOf('unknown')] });
    await assertRefused(store.commit(refused), 'FENCED');
    assertEqual(await store.readInbox('w1'), [message]);
  },
  'messages can be read in pages': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b');
    for (let index = 0; index < 7; index += 1) await store.send(messageTo(index % 2 === 0 ? 'a' : 'b', `${index}`));
    const first = await store.readInbox('w1', { limit: 3 });
    assertEqual(
      first.map((message) => message.payload),
      ['0', '1', '2'],
    );
    const after = first.at(-1)?.id ?? 0;
    // What was taken meanwhile changes nothing.
    await store.commit(batchOf({ taken: first.map(({ id }) => id) }));
    const second = await store.readInbox('w1', { limit: 3, after });
    assertEqual(
      second.map((message) => message.payload),
      ['3', '4', '5'],
    );
    const rest = await store.readInbox('w1', { limit: 3, after: second.at(-1)?.id ?? 0 });
    assertEqual(
      rest.map((message) => message.payload),
      ['6'],
    );
  },
  'messages of one batch arrive in their order (S7)': async (connect) => {
    const store = await withRuns(await connect(), 'a', 'b');
    const payloads = Array.from({ length: 23 }, (_, index) => `${index}`);
    await store.commit(batchOf({ messages: payloads.map((payload, index) => messageTo(index % 3 === 0 ? 'a' : 'b', payload)) }));
    const read = await store.readInbox('w1');
    assertEqual(
      read.map((message) => message.payload),
      payloads,
    );
  },
  'messages that several processes send at once all arrive, in the order of each (S7)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    const senders = await Promise.all([connect(), connect(), connect()]);
    const payloadsOf = (sender: number): string[] => Array.from({ length: 12 }, (_, index) => `${sender}: ${index}`);
    const sendAll = async (sender: Store, number: number): Promise<void> => {
      for (const payload of payloadsOf(number)) await sender.send(messageTo('id', payload));
    };
    await Promise.all(senders.map(sendAll));
    const read = (await store.readInbox('w1')).map((message) => message.payload);
    assertEqual(read.length, 36);
    for (const number of senders.keys()) {
      assertEqual(
        read.filter((payload) => payload.startsWith(`${number}:`)),
        payloadsOf(number),
      );
    }
  },
  'taking a message leaves those before and after it (S7)': async (connect) => {
    const store = await withRuns(await connect(), 'id');
    for (const payload of ['1', '2', '3']) await store.send(messageTo('id', payload));
    const [first, second, third] = await store.readInbox('w1');
    await store.commit(batchOf({ taken: [second?.id ?? 0] }));
    assertEqual(await store.readInbox('w1'), [first, third]);
  },
});
