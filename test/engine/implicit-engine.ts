import type { LogFields } from 'perdure';
import { runChild } from '../api/run-child.js';
import { tempDirectory } from '../store/temp-directory.js';

/** What a program has done that has a flow, and takes some steps one after the other. */
export interface Program {
  readonly code: number | null;
  /** What came of each call. */
  readonly lines: string[];
  readonly log: LogFields[];
  /** Where it ran. */
  readonly directory: string;
}

/** Runs `children/implicit-engine.ts` in a directory of its own. */
export async function implicitEngine(steps: string[], store = ''): Promise<Program> {
  const directory = tempDirectory();
  const { code, stdout, stderr } = await runChild('implicit-engine.ts', { args: [directory, ...steps], env: { PERDURE_STORE: store } });
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
  return { code, lines: lines(stdout), log: lines(stderr).map((line) => JSON.parse(line) as LogFields), directory };
}
