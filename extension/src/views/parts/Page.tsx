/** The frame of one screen: a title, what can be done, and the content. */
import * as React from 'react';

interface PageProps {
  title: React.ReactNode;
  above?: React.ReactNode;
  below?: React.ReactNode;
  actions?: React.ReactNode;
  children: React.ReactNode;
}

export function Page({ title, above, below, actions, children }: PageProps): JSX.Element {
  return (
    <div className="nightbook-Screen">
      <div className="nightbook-Screen-head">
        <div className="nightbook-Screen-title">
          {above && <div className="nightbook-Screen-above">{above}</div>}
          <h1>{title}</h1>
          {below && <div className="nightbook-Screen-below">{below}</div>}
        </div>
        {actions && <div className="nightbook-Screen-actions">{actions}</div>}
      </div>
      {children}
    </div>
  );
}

interface CardProps {
  title: string;
  aside?: React.ReactNode;
  children: React.ReactNode;
}

export function Card({ title, aside, children }: CardProps): JSX.Element {
  const id = React.useId();
  return (
    <section className="nightbook-Card" aria-labelledby={id}>
      <div className="nightbook-Card-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

/** Facts as name and value, in the order given; empty ones are left out. */
export function Facts({
  facts
}: {
  facts: readonly (readonly [string, React.ReactNode])[];
}): JSX.Element {
  return (
    <dl className="nightbook-Facts">
      {facts
        .filter(([, value]) => value !== null && value !== undefined && value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
