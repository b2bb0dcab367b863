/** Small parts of every screen. */
import type { ComponentProps, ReactNode } from 'react';
import { useEffect, useRef } from 'react';
import { RadioGroup, Slider, Switch } from 'radix-ui';
import { useTranslation } from 'react-i18next';
import { hrefOf, type Screen } from '../app/route';
import { Icon, type IconName } from './icons';

const LOOKS = {
  main: 'bg-accent text-accent-ink border-accent hover:brightness-110',
  plain: 'bg-card text-ink border-edge hover:bg-sunk',
  quiet: 'bg-transparent text-accent border-transparent hover:bg-sunk',
  danger: 'bg-high text-card border-high hover:brightness-110',
};
const SHAPE =
  'inline-flex items-center justify-center gap-2 min-h-12 rounded-full border px-5 py-2 font-semibold text-center ' +
  'transition active:scale-[0.98] disabled:opacity-60';

export type Look = keyof typeof LOOKS;

interface ButtonProps extends ComponentProps<'button'> {
  look?: Look;
  icon?: IconName;
}

export function Button({ look = 'plain', icon, className = '', children, ...rest }: ButtonProps) {
  return (
    <button type="button" className={`${SHAPE} ${LOOKS[look]} ${className}`} {...rest}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

interface LinkProps {
  to: Screen;
  rest?: string[];
  look?: Look;
  icon?: IconName;
  className?: string;
  children: ReactNode;
}

/** A link within the app that looks like a button. */
export function ButtonLink({ to, rest = [], look = 'plain', icon, className = '', children }: LinkProps) {
  return (
    <a href={hrefOf(to, ...rest)} className={`${SHAPE} ${LOOKS[look]} ${className}`}>
      {icon && <Icon name={icon} />}
      {children}
    </a>
  );
}

let opened = false;

/** The title of a screen. When the app is opened the focus stays at its beginning; after that it goes to each screen's
 * title, so that a screen reader says where one is. */
export function Title({ children, className = '' }: { children: ReactNode; className?: string }) {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (opened) ref.current?.focus({ preventScroll: true });
    opened = true;
  }, []);
  return (
    <h1 ref={ref} tabIndex={-1} className={`text-[2.35rem] md:text-5xl ${className}`}>
      {children}
    </h1>
  );
}

export function Heading({ children, className = '' }: { children: ReactNode; className?: string }) {
  return <h2 className={`text-2xl ${className}`}>{children}</h2>;
}

/** A link to another site. */
export function Outbound({ href, children }: { href: string; children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <a href={href} target="_blank" rel="noopener noreferrer" className="link inline-flex items-center gap-1 min-h-6">
      {children}
      <Icon name="external" className="size-4" />
      <span className="sr-only">{t('common.opensNew')}</span>
    </a>
  );
}

interface ToggleProps {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

export function Toggle({ label, checked, onChange }: ToggleProps) {
  return (
    <label className="flex items-center justify-between gap-4 min-h-12 font-semibold">
      {label}
      <Switch.Root
        checked={checked}
        onCheckedChange={onChange}
        className="relative h-8 w-14 shrink-0 rounded-full border border-edge bg-sunk transition data-[state=checked]:bg-accent"
      >
        <Switch.Thumb className="block size-6 rounded-full bg-edge transition-transform translate-x-1 rtl:-translate-x-1 data-[state=checked]:translate-x-7 data-[state=checked]:bg-accent-ink rtl:data-[state=checked]:-translate-x-7" />
      </Switch.Root>
    </label>
  );
}

interface RangeProps {
  label: string;
  value: number;
  min: number;
  max: number;
  step: number;
  onChange: (value: number) => void;
  valueText?: string;
  /** Which way it runs where it stands for a direction in a picture, and not for more or less. */
  dir?: 'ltr';
}

export function Range({ label, value, min, max, step, onChange, valueText, dir }: RangeProps) {
  return (
    <Slider.Root
      dir={dir}
      value={[value]}
      min={min}
      max={max}
      step={step}
      onValueChange={([next]) => onChange(next ?? value)}
      className="relative flex h-12 w-full touch-none select-none items-center"
    >
      <Slider.Track className="relative h-2 grow rounded-full bg-edge/50">
        <Slider.Range className="absolute h-full rounded-full bg-accent" />
      </Slider.Track>
      <Slider.Thumb
        aria-label={label}
        aria-valuetext={valueText}
        className="block size-8 rounded-full border-2 border-accent bg-card shadow"
      />
    </Slider.Root>
  );
}

export interface Choice<T extends string> {
  value: T;
  label: string;
  text?: string;
  disabled?: boolean;
}

interface ChoicesProps<T extends string> {
  label: string;
  value: T;
  choices: readonly Choice<T>[];
  onChange: (value: T) => void;
  className?: string;
}

/** One of several, each a card with a word and, where it helps, a sentence. */
export function Choices<T extends string>({ label, value, choices, onChange, className = '' }: ChoicesProps<T>) {
  return (
    <RadioGroup.Root
      aria-label={label}
      value={value}
      onValueChange={(next) => onChange(next as T)}
      className={`grid gap-2 ${className}`}
    >
      {choices.map((choice) => (
        <RadioGroup.Item
          key={choice.value}
          value={choice.value}
          disabled={choice.disabled}
          className="group flex min-h-12 items-center gap-3 rounded-2xl border border-edge bg-card px-4 py-2 text-start transition hover:bg-sunk disabled:opacity-60 data-[state=checked]:border-accent data-[state=checked]:ring-2 data-[state=checked]:ring-accent"
        >
          <span className="grid size-5 shrink-0 place-items-center rounded-full border-2 border-edge group-data-[state=checked]:border-accent">
            <RadioGroup.Indicator className="block size-2.5 rounded-full bg-accent" />
          </span>
          <span>
            <span className="block font-semibold">{choice.label}</span>
            {choice.text && <span className="block text-sm text-muted">{choice.text}</span>}
          </span>
        </RadioGroup.Item>
      ))}
    </RadioGroup.Root>
  );
}

/** Something that can be opened to read more. */
export function Disclosure({ title, children, open = false }: { title: string; children: ReactNode; open?: boolean }) {
  return (
    <details className="group" open={open}>
      <summary className="flex min-h-12 items-center justify-between gap-3 font-semibold list-none [&::-webkit-details-marker]:hidden">
        {title}
        <Icon name="next" className="size-5 transition-transform rotate-90 group-open:-rotate-90" />
      </summary>
      <div className="pb-2">{children}</div>
    </details>
  );
}
