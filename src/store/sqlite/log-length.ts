import { appendFileSync, statfsSync, statSync, truncateSync } from 'node:fs';

/** The length of a log at which SQLite moves it into the file and writes it over from its beginning: 1,000 pages, each with a header. */
const LOG_BYTES = 1_000 * (4_096 + 24);

/** Where a disk has less room than that, none of it is taken in advance. */
const AMPLE_BYTES = 64 * 1_024 * 1_024;

/** Appends zeros to a log until it is as long as it gets, if the disk has ample room; a part of them is worth nothing. */
export function growLog(path: string): void {
  const { size } = statSync(path);
  const { bavail, bsize } = statfsSync(path);
  if (size >= LOG_BYTES || bavail * bsize < AMPLE_BYTES) return;
  try {
    appendFileSync(path, Buffer.alloc(LOG_BYTES - size));
  } catch (error) {
    truncateSync(path, size);
    throw error;
  }
}
