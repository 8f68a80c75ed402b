/** One act on many rows: a few at a time, each refusal kept with the name of its row. */
import { refusalOf } from '../../api';

export interface BulkAct<Row> {
  key: string;
  label: string;
  /** Whether the act makes sense for a row; the others are left alone. */
  fits(row: Row): boolean;
  /** The question before it, with the count in it. */
  question(count: number): string;
  run(row: Row): Promise<unknown>;
}

export interface BulkFailure {
  id: string;
  name: string;
  message: string;
}

export interface BulkResult {
  done: number;
  failures: BulkFailure[];
}

/** As many requests as a browser has connections to spare. */
const AT_ONCE = 4;

/** Acts on all of *rows*, in their order; never rejects. */
export async function actOnAll<Row extends { id: string }>(
  rows: readonly Row[],
  nameOf: (row: Row) => string,
  run: (row: Row) => Promise<unknown>,
  onStep: (done: number) => void = () => undefined
): Promise<BulkResult> {
  const failures: BulkFailure[] = [];
  const waiting = [...rows];
  let ended = 0;
  const line = async () => {
    for (let row = waiting.shift(); row; row = waiting.shift()) {
      try {
        await run(row);
      } catch (error) {
        failures.push({ id: row.id, name: nameOf(row), message: refusalOf(error).message });
      }
      ended += 1;
      onStep(ended);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, line));
  return { done: rows.length - failures.length, failures };
}
