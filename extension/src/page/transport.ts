/** Same-origin fetch: the cookie names the caller, a header proves that this page asks. */
import { searchOf } from '../query';
import type { RequestOptions, StreamOptions, Transport } from '../tokens';

export class PageTransport implements Transport {
  constructor(private readonly _root: string) {}

  /** From the answer of `/me`; sent with every request that changes something. */
  csrfToken: string | null = null;

  address(path: string): string {
    return `${this._root}/api/v1${path}`;
  }

  request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const { body, query, signal } = options;
    const headers: Record<string, string> = { Accept: 'application/json', ...options.headers };
    if (body !== undefined) {
      headers['Content-Type'] = 'application/json';
    }
    if (method !== 'GET' && this.csrfToken) {
      headers['X-Nightbook-CSRF'] = this.csrfToken;
    }
    return fetch(this.address(path) + searchOf(query), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: 'same-origin',
      cache: 'no-store'
    });
  }

  bytes(path: string, options: RequestOptions = {}): Promise<Response> {
    return this.request('GET', path, {
      ...options,
      headers: { Accept: '*/*', ...options.headers }
    });
  }

  stream(path: string, { signal, lastEventId }: StreamOptions = {}): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'text/event-stream' };
    if (lastEventId) {
      headers['Last-Event-ID'] = lastEventId;
    }
    return fetch(this.address(path), {
      headers,
      signal,
      credentials: 'same-origin',
      cache: 'no-store'
    });
  }
}
