/**
 * From so many crashes on that count against it, a run is a suspect, and tried apart from the others: its process has ended twice while it was under way,
 * and it has recorded nothing in between. The first may be the fault of any run.
 */
export const SUSPECT_FROM = 2;
