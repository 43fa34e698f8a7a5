/** How a value was reached from its parent. */
export type StepKind = 'field' | 'index' | 'map-key' | 'map-value' | 'element';

/** The way from the root to a container, kept as links so that text is made only for a message. */
export interface Trail {
  readonly parent: Trail | undefined;
  readonly kind: StepKind;
  /** The field's name, the map's key, or the position. */
  readonly key: unknown;
  readonly depth: number;
}

const MAX_KEY_LENGTH = 60;
const MAX_STEPS = 30;

/** One step further. */
export function step(parent: Trail | undefined, kind: StepKind, key: unknown): Trail {
  return { parent, kind, key, depth: (parent?.depth ?? 0) + 1 };
}

/** The path as JavaScript would write it: `[0].items[2]["on done"]`, `.map<"key">`; `''` for the root. */
export function renderTrail(trail: Trail | undefined): string {
  const steps: string[] = [];
  for (let at = trail; at !== undefined; at = at.parent) steps.unshift(renderStep(at));
  if (steps.length > MAX_STEPS) steps.splice(MAX_STEPS / 2, steps.length - MAX_STEPS, ' … ');
  return steps.join('');
}

function renderStep({ kind, key }: Trail): string {
  switch (kind) {
    case 'field':
      return typeof key === 'string' && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) && key.length <= MAX_KEY_LENGTH
        ? `.${key}`
        : `[${renderKey(key)}]`;
    case 'index':
      return `[${String(key)}]`;
    case 'map-value':
      return `<${renderKey(key)}>`;
    case 'map-key':
      return `<key ${renderKey(key)}>`;
    case 'element':
      return `<${String(key)}>`;
  }
}

function renderKey(key: unknown): string {
  if (typeof key === 'string') {
    return JSON.stringify(key.length > MAX_KEY_LENGTH ? `${key.slice(0, MAX_KEY_LENGTH)}…` : key);
  }
  if (typeof key === 'object' && key !== null) return 'an object';
  return typeof key === 'function' ? 'a function' : String(key);
}

/** Thrown by the walk over a value at the first thing that cannot come back. It never leaves this room. */
export class Refusal extends Error {
  readonly what: string;
  readonly trail: Trail | undefined;

  constructor(what: string, trail: Trail | undefined) {
    super(what);
    this.what = what;
    this.trail = trail;
  }
}

/** The text of a refusal: `.items[2] is a function`. */
export function renderRefusal({ trail, what }: Refusal): string {
  return `${trail === undefined ? 'the value' : renderTrail(trail)} is ${what}`;
}
