import { encodeBatchInput } from '../../batch/recorded-policy.js';
import type { Codec } from '../../codec/codec.js';
import { CALLBACK_DIGEST } from '../../journal/read-entry.js';
import { assertNever } from '../../model/assert-never.js';
import type { OperationRequest } from '../definitions.js';
import type { FlowPlace } from '../scopes/current-place.js';
import { Batch } from './batch.js';
import { CallAction } from './call-action.js';
import { CallFlow } from './call-flow.js';
import { AwaitEvent, Callback } from './event.js';
import { mapShape } from './map.js';
import type { Operation, OperationRun } from './operation.js';
import { parallelShape } from './parallel.js';
import { Timer } from './timer.js';
import { WaitForCondition } from './wait-for-condition.js';

/** Makes the operation that was asked for and gives it its id: what cannot be stored is refused before that. */
export function openOperation(run: OperationRun, place: FlowPlace, request: OperationRequest, engineCodec: Codec): Operation {
  const { kind, name } = request;
  switch (kind) {
    case 'action':
    case 'flow': {
      const codec = engineCodec.withSerdes((kind === 'action' ? request.serdes : undefined) ?? request.definition.serdes);
      const input = codec.encode(request.args, () => `the arguments of ${kind} "${name}" (run ${run.id})`, 'Pass');
      const digest = codec.digest(request.args, input);
      const id = place.scope.nextOperationId();
      const init = { run, place, codec, id, kind, name, digest, input };
      if (kind === 'action') {
        const { definition, attempts, poll } = request;
        return poll === undefined ? new CallAction(init, definition, attempts) : new WaitForCondition(init, { definition, attempts, poll });
      }
      const { definition, leaks, timeoutMs, retry, id: givenId } = request;
      return new CallFlow(init, { definition, givenId, leaks, timeoutMs, retry });
    }
    case 'timer': {
      const digest = engineCodec.own.digest(request.due, JSON.stringify(request.due));
      const id = place.scope.nextOperationId();
      return new Timer({ run, place, codec: engineCodec.own, id, kind, name, digest, input: null }, request);
    }
    case 'event': {
      const id = place.scope.nextOperationId();
      const { callback, timeoutMs } = request;
      const digest = callback === undefined ? 'event' : CALLBACK_DIGEST;
      const init = { run, place, codec: engineCodec, id, kind, name, digest, input: null };
      return callback === undefined ? new AwaitEvent(init, timeoutMs) : new Callback(init, callback);
    }
    case 'parallel':
    case 'map': {
      const { settings } = request;
      const codec = engineCodec.withSerdes(settings.itemSerdes);
      const shape = kind === 'parallel' ? parallelShape(request, engineCodec) : mapShape(request, engineCodec, run.id);
      const input = encodeBatchInput(settings, shape.content);
      const id = place.scope.nextOperationId();
      return new Batch({ run, place, codec, id, kind, name, digest: shape.digest, input, shape, settings });
    }
    default:
      return assertNever(kind);
  }
}
