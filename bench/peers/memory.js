import { readdirSync, readFileSync } from 'node:fs';

/**
 * Bytes that a process and its descendants hold: the sum of their proportional shares, so memory that they share counts once.
 * Linux only; 0 elsewhere.
 *
 * @param {number} pid
 */
export function treeBytes(pid) {
  const children = new Map();
  for (const name of entries('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // pid (command) state ppid …: the command may have spaces and parentheses of its own.
    const parent = Number(read(`/proc/${name}/stat`).split(') ').at(-1)?.split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const add = (/** @type {number} */ each) => {
    const kilobytes = Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${each}/smaps_rollup`))?.[1] ?? 0);
    return (children.get(each) ?? []).reduce((sum, child) => sum + add(child), kilobytes * 1_024);
  };
  return add(pid);
}

/** @param {string} directory */
function entries(directory) {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** What a file of /proc says; nothing when its process has just ended. */
function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
