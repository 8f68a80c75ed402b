/** The pictures of the JupyterLab face, coloured by its themes. */
import { LabIcon } from '@jupyterlab/ui-components';

import launch from '../../style/icons/launch.svg';
import nightbook from '../../style/icons/nightbook.svg';
import runs from '../../style/icons/runs.svg';
import schedule from '../../style/icons/schedule.svg';

export const nightbookIcon = new LabIcon({ name: 'nightbook-lab:nightbook', svgstr: nightbook });
export const scheduleIcon = new LabIcon({ name: 'nightbook-lab:schedule', svgstr: schedule });
export const runsIcon = new LabIcon({ name: 'nightbook-lab:runs', svgstr: runs });
export const launchIcon = new LabIcon({ name: 'nightbook-lab:launch', svgstr: launch });
