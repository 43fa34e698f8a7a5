/** Whether something that was stored has a form. */
export type Form = (value: unknown) => boolean;

export const isText: Form = (value) => typeof value === 'string';

/** The last time that a `Date` can be. */
const LAST_DATE_MS = 8_640_000_000_000_000;

/** Milliseconds since the epoch, of something that has happened. */
export const isTime: Form = (value) => typeof value === 'number' && value >= -LAST_DATE_MS && value <= LAST_DATE_MS;

/** Milliseconds since the epoch, of something that is to happen: it may be never. */
export const isMoment: Form = (value) => typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER;

export const isCount: Form = (value) => Number.isSafeInteger(value) && (value as number) >= 0;

/** A number from 1. */
export const isOrdinal: Form = (value) => Number.isSafeInteger(value) && (value as number) >= 1;

export function orNull(form: Form): Form {
  return (value) => value === null || form(value);
}

/** A text that is JSON of a form. */
export function jsonOf(form: Form): Form {
  return (value) => {
    try {
      return typeof value === 'string' && form(JSON.parse(value));
    } catch {
      return false;
    }
  };
}

export function listOf(form: Form): Form {
  return (value) => Array.isArray(value) && value.every(form);
}

/** An object with these fields; others are not looked at. */
export function withFields(forms: Readonly<Record<string, Form>>): Form {
  const entries = Object.entries(forms);
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    entries.every(([name, form]) => form((value as Readonly<Record<string, unknown>>)[name]));
}

/** What may be left out. */
export function optional(form: Form): Form {
  return (value) => value === undefined || form(value);
}

export function oneOf(values: readonly unknown[]): Form {
  return (value) => values.includes(value);
}
