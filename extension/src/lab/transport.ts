/** The way to the API through JupyterLab's own server, which adds the person's token. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { searchOf } from '../query';
import type { RequestOptions, StreamOptions, Transport } from '../tokens';

export class LabTransport implements Transport {
  constructor(readonly serverSettings: ServerConnection.ISettings) {}

  request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    return this.ask(method, `api/v1${path}`, options);
  }

  bytes(path: string, options: RequestOptions = {}): Promise<Response> {
    return this.ask('GET', `download${path}`, {
      ...options,
      headers: { Accept: '*/*', ...options.headers }
    });
  }

  stream(path: string, { signal, lastEventId }: StreamOptions = {}): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'text/event-stream' };
    if (lastEventId) {
      headers['Last-Event-ID'] = lastEventId;
    }
    return this.ask('GET', `api/v1${path}`, { headers, signal });
  }

  /** Asks our half of the Jupyter server; *place* stands below `nightbook/`. */
  ask(method: string, place: string, options: RequestOptions = {}): Promise<Response> {
    const { body, query, headers, signal } = options;
    const init: RequestInit = {
      method,
      headers: {
        Accept: 'application/json',
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal
    };
    const address = this.address(place) + searchOf(query);
    return ServerConnection.makeRequest(address, init, this.serverSettings);
  }

  /** The address of a place below `nightbook/`, whatever the base of the Jupyter server. */
  address(place: string): string {
    return URLExt.join(this.serverSettings.baseUrl, 'nightbook', place);
  }
}
