import { UsageError } from '../errors/errors.js';

/**
 * Refuses what a function is given beyond its parameters: it would do nothing, and it was meant to do something. `undefined` counts as left out.
 *
 * @param signature - The function with its parameters, such as `engine.send(runId, name, value)`.
 * @throws {UsageError} `INVALID_ARGUMENT`
 */
export function refuseMore(signature: string, given: ArrayLike<unknown>): void {
  const parameters = signature.slice(signature.lastIndexOf('(') + 1, -1);
  const most = parameters === '' ? 0 : parameters.split(',').length;
  for (let index = most; index < given.length; index += 1) {
    if (given[index] === undefined) continue;
    throw new UsageError(
      'INVALID_ARGUMENT',
      `${signature} was given ${given.length} arguments, and argument ${index + 1} would do nothing: leave it out. As the function of a list's map(), write (item) => … around it`,
    );
  }
}
