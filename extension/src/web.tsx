/**
 * The plain page: the same views as in JupyterLab, over same-origin fetch.
 *
 * The server writes its root path into a `<meta>`, because the page may live below a prefix.
 */
import '../style/web.css';
import '../style/base.css';
import '../style/pages.css';
import '../style/lists.css';
import '../style/calendar.css';

import * as React from 'react';
import { createRoot } from 'react-dom/client';

import { Api } from './api';
import { Model } from './model';
import { Shell } from './page/Shell';
import { PageTransport } from './page/transport';

function start(place: HTMLElement): void {
  const meta = document.querySelector<HTMLMetaElement>('meta[name="nightbook-root"]');
  const root = (meta?.content ?? '').replace(/\/+$/, '');
  const transport = new PageTransport(root);
  const model = new Model(new Api(transport));
  model.changed.connect(() => {
    transport.csrfToken = model.caller?.csrf_token ?? null;
  });
  window.addEventListener('pagehide', event => {
    // A page that may come back from the browser's cache keeps its model.
    if (!event.persisted) {
      model.dispose();
    }
  });
  createRoot(place).render(
    <React.StrictMode>
      <Shell model={model} root={root} address={path => transport.address(path)} />
    </React.StrictMode>
  );
}

const place = document.getElementById('nightbook');
if (place) {
  start(place);
}
