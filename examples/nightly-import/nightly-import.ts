import { action, actionContext, CancelledError, continueAsNew, flow, now, RetryPresets, sleepUntil } from 'perdure';

export interface Imported {
  readonly count: number;
  /** The number of the last order. */
  readonly last: number;
}

export interface Report extends Imported {
  /** When the import began. */
  readonly at: Date;
  /** Why nothing was imported. */
  readonly problem?: string;
}

/** Stands for a shop on the network: every night there are some orders more. */
export const importOrders = action(
  'importOrders',
  async (after: number): Promise<Imported> => {
    const count = 10 + (after % 7);
    actionContext().log.info('orders imported', { after, count });
    return { count, last: after + count };
  },
  { retry: RetryPresets.default(), timeout: '10m' },
);

/** Stands for a mail. */
export const sendReport = action('sendReport', async ({ at, count, last, problem }: Report) => {
  console.log(`${at.toISOString()}  ${problem ?? `${count} orders, the last is number ${last}`}`);
});

/** Nights begin at 2 o'clock (UTC). When a night is shorter than a day, so are its hours. */
export function nextNight(afterMs: number, nightMs: number): number {
  const twoHoursMs = nightMs / 12;
  return (Math.floor((afterMs - twoHoursMs) / nightMs) + 1) * nightMs + twoHoursMs;
}

/** Each night is a generation of the run: what it hands over to the next are its arguments. */
export const nightlyImport = flow('nightlyImport', async (nightMs: number, after: number): Promise<never> => {
  await sleepUntil(nextNight(now(), nightMs));
  const report = await importNight(after);
  await sendReport(report);
  return continueAsNew(nightMs, report.last);
});

async function importNight(after: number): Promise<Report> {
  const at = new Date(now());
  try {
    return { at, ...(await importOrders(after)) };
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    // The next night begins with the same order.
    return { at, count: 0, last: after, problem: (error as Error).message };
  }
}
