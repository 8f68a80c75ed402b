/** What the pre-flight check noticed, the gravest first, each with its cell. */
import * as React from 'react';

import type { Finding } from '../../tokens';
import { Icon, type IconName } from '../parts/icons';
import { useWords } from '../parts/words';

const GRAVITY: Record<Finding['severity'], { rank: number; icon: IconName; tone: string }> = {
  error: { rank: 0, icon: 'cross', tone: 'bad' },
  warning: { rank: 1, icon: 'warn', tone: 'warn' },
  note: { rank: 2, icon: 'note', tone: 'calm' }
};

export function Findings({ findings }: { findings: readonly Finding[] }): JSX.Element | null {
  const { __ } = useWords();
  if (findings.length === 0) {
    return null;
  }
  const sorted = [...findings].sort((a, b) => GRAVITY[a.severity].rank - GRAVITY[b.severity].rank);
  return (
    <section className="nightbook-Findings" aria-label={__('Pre-flight check')}>
      <h3>{__('Pre-flight check')}</h3>
      <ul>
        {sorted.map((finding, place) => (
          <FindingRow key={`${finding.rule}-${finding.cell}-${place}`} finding={finding} />
        ))}
      </ul>
    </section>
  );
}

function FindingRow({ finding }: { finding: Finding }): JSX.Element {
  const { __ } = useWords();
  const { icon, tone } = GRAVITY[finding.severity];
  const severity = { error: __('Error'), warning: __('Warning'), note: __('Note') }[
    finding.severity
  ];
  return (
    <li className={`nightbook-Finding nightbook-mod-${tone}`}>
      <Icon name={icon} />
      <span>
        <strong>{severity}</strong>
        {finding.cell !== null && <> · {__('cell %1', finding.cell + 1)}</>}
        {' · '}
        {finding.message}
      </span>
    </li>
  );
}
