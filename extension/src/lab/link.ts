/** Links into JupyterLab: `<base>/lab?nightbook-run=<run id>` opens the page of a run. */
import type { IRouter } from '@jupyterlab/application';

export const LINK = /[?&]nightbook-run=/;
const NAME = 'nightbook-run';
const RUN_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The run that an address names; null where it names none. */
export function linkedRun({ search }: Pick<IRouter.ILocation, 'search'>): string | null {
  const id = new URLSearchParams(search).get(NAME);
  return id && RUN_ID.test(id) ? id : null;
}

/** The address without the link, so that a reload does not follow it again. */
export function withoutLink({ path, search, hash }: IRouter.ILocation): string {
  const rest = new URLSearchParams(search);
  rest.delete(NAME);
  const text = rest.toString();
  return path + (text ? `?${text}` : '') + (hash ?? '');
}
