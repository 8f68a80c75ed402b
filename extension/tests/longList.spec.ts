import { LongList } from '../src/model/longList';
import type { Page, Query } from '../src/tokens';

interface Row {
  id: string;
}

/** A server with ids in the order of time, as it gives its pages. */
class Server {
  rows: Row[] = [];
  readonly asked: Query[] = [];

  constructor(count: number) {
    this.add(count);
  }

  add(count: number): void {
    const next = this._made;
    this._made += count;
    const made = Array.from({ length: count }, (_, n) => ({
      id: String(next + n).padStart(6, '0')
    }));
    this.rows = [...made.reverse(), ...this.rows];
  }

  readonly ask = async (query: Query): Promise<Page<Row>> => {
    this.asked.push(query);
    const after = this.rows.filter(({ id }) => !query.cursor || id < String(query.cursor));
    const items = after.slice(0, Number(query.limit));
    const isMore = after.length > items.length;
    return { items, next_cursor: isMore ? items[items.length - 1].id : null };
  };

  private _made = 0;
}

const TOP = { from: 0, to: 20 };

async function read(server: Server, upTo: number): Promise<LongList<Row>> {
  const list = new LongList<Row>();
  await list.load(50, TOP, server.ask);
  for (let shown = 250; shown <= upTo; shown += 200) {
    await list.load(shown, TOP, server.ask);
  }
  return list;
}

describe('LongList', () => {
  it('reads on from where it ended', async () => {
    const server = new Server(1000);
    const list = await read(server, 450);

    const { items } = await list.load(650, TOP, server.ask);

    expect(items).toEqual(server.rows.slice(0, 650));
    expect(server.asked).toHaveLength(4);
  });

  it('costs the same to keep fresh however much was read', async () => {
    const server = new Server(5000);
    const list = await read(server, 4050);
    server.asked.length = 0;

    await list.load(4050, { from: 3000, to: 3020 }, server.ask);

    expect(server.asked).toHaveLength(2);
  });

  it('shows what came at the top, and keeps what was below', async () => {
    const server = new Server(1000);
    const list = await read(server, 450);
    server.add(3);

    const { items } = await list.load(450, TOP, server.ask);

    expect(items).toEqual(server.rows.slice(0, 453));
  });

  it('begins anew when more came than one answer holds', async () => {
    const server = new Server(1000);
    const list = await read(server, 450);
    server.add(500);

    const { items, next_cursor } = await list.load(450, TOP, server.ask);

    expect(items).toEqual(server.rows.slice(0, items.length));
    expect(next_cursor).not.toBeNull();
  });

  it('drops what the filters fit no more', async () => {
    const server = new Server(1000);
    const list = await read(server, 450);
    const gone = server.rows[10];
    server.rows = server.rows.filter(row => row !== gone);

    const { items } = await list.load(450, TOP, server.ask);

    expect(items).not.toContainEqual(gone);
    expect(items).toEqual(server.rows.slice(0, items.length));
  });

  it('ends where the server says so', async () => {
    const server = new Server(60);
    const list = await read(server, 250);
    server.rows = server.rows.slice(0, 20);

    const { items, next_cursor } = await list.load(250, TOP, server.ask);

    expect(items).toHaveLength(20);
    expect(next_cursor).toBeNull();
  });

  it('knows which rows were passed over', async () => {
    const server = new Server(1000);
    const list = await read(server, 650);

    await list.load(650, TOP, server.ask);

    expect(list.isStale(TOP)).toBe(false);
    expect(list.isStale({ from: 500, to: 520 })).toBe(true);
  });
});
