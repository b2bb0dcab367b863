/** Drawn by hand on a 24 x 24 grid; always beside a word, or with one in `aria-label` of what holds them. */
import type { ReactNode } from 'react';

const PATHS = {
  spot: (
    <>
      <circle cx="12" cy="12" r="9" />
      <circle cx="12.5" cy="11.5" r="3.2" fill="currentColor" stroke="none" />
    </>
  ),
  camera: (
    <>
      <path d="M4 8h3l1.6-2.5h6.8L17 8h3v11H4z" />
      <circle cx="12" cy="13" r="3.6" />
    </>
  ),
  photo: (
    <>
      <rect x="3.5" y="5" width="17" height="14" rx="2.5" />
      <circle cx="8.5" cy="10" r="1.5" />
      <path d="m5 17 5-4.5 3.2 2.7L16.5 12l3.5 3.6" />
    </>
  ),
  paste: (
    <>
      <rect x="5" y="5" width="14" height="16" rx="2.5" />
      <path d="M9 5V3.5h6V5M9 11h6M9 15h4" />
    </>
  ),
  history: (
    <>
      <path d="M4 12a8 8 0 1 0 2.6-5.9L4 8.5" />
      <path d="M4 4.5v4h4M12 8v4.4l3 1.8" />
    </>
  ),
  pin: (
    <>
      <path d="M12 21s-6.5-5.6-6.5-11a6.5 6.5 0 0 1 13 0C18.5 15.4 12 21 12 21z" />
      <circle cx="12" cy="10" r="2.3" />
    </>
  ),
  settings: (
    <>
      <path d="M4 7h9M17.5 7H20M4 17h3M11.5 17H20" />
      <circle cx="15" cy="7" r="2.3" />
      <circle cx="9" cy="17" r="2.3" />
    </>
  ),
  info: (
    <>
      <circle cx="12" cy="12" r="9" />
      <path d="M12 11v5.5M12 7.6v.01" />
    </>
  ),
  check: (
    <>
      <circle cx="12" cy="12" r="9" />
      <path d="m8 12.3 2.8 2.8L16.2 9.5" />
    </>
  ),
  eye: (
    <>
      <path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z" />
      <circle cx="12" cy="12" r="3" />
    </>
  ),
  warning: (
    <>
      <path d="M12 3.5 21.5 20h-19z" />
      <path d="M12 10v4.5M12 17v.01" />
    </>
  ),
  flip: (
    <>
      <path d="M4 9h12.5L13 5.5M20 15H7.5L11 18.5" />
    </>
  ),
  torch: (
    <>
      <path d="M8 3h8l-1 5v12a1 1 0 0 1-1 1h-4a1 1 0 0 1-1-1V8z" />
      <path d="M8.6 6h6.8M12 11.5v3" />
    </>
  ),
  back: <path d="M15 5l-7 7 7 7" className="rtl:-scale-x-100 origin-center" />,
  next: <path d="m9 5 7 7-7 7" className="rtl:-scale-x-100 origin-center" />,
  close: <path d="m6 6 12 12M18 6 6 18" />,
  device: (
    <>
      <rect x="7" y="2.5" width="10" height="19" rx="2.5" />
      <path d="M11 18.5h2" />
    </>
  ),
  server: (
    <>
      <rect x="3.5" y="4" width="17" height="6.5" rx="1.8" />
      <rect x="3.5" y="13.5" width="17" height="6.5" rx="1.8" />
      <path d="M7 7.3v.01M7 16.8v.01" />
    </>
  ),
  offline: (
    <>
      <path d="M3 3l18 18M5 12.5a10 10 0 0 1 4-2.4M12.5 9.5a10 10 0 0 1 6.5 3M8.5 16a5 5 0 0 1 5.5-1" />
      <path d="M12 19.5v.01" />
    </>
  ),
  external: <path d="M10 5H5v14h14v-5M14 4h6v6M20 4l-9 9" />,
  trash: <path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 13h9l1-13M10.3 11v5M13.7 11v5" />,
  download: <path d="M12 4v11M7.5 11 12 15.5 16.5 11M4.5 20h15" />,
  upload: <path d="M12 15.5v-11M7.5 9 12 4.5 16.5 9M4.5 20h15" />,
  compare: (
    <>
      <rect x="3.5" y="5" width="17" height="14" rx="2.5" />
      <path d="M12 3v18M6.5 12h2M15.5 12h2" />
    </>
  ),
  bookmark: <path d="M6.5 4h11v16.5L12 16.5l-5.5 4z" />,
  document: <path d="M6 3h8l4.5 4.5V21H6zM14 3v4.5h4.5M9 12.5h6M9 16.5h6" />,
  lock: (
    <>
      <rect x="5" y="10.5" width="14" height="10" rx="2.5" />
      <path d="M8.5 10.5V8a3.5 3.5 0 0 1 7 0v2.5" />
    </>
  ),
  sun: (
    <>
      <circle cx="12" cy="12" r="4" />
      <path d="M12 2.5v2.5M12 19v2.5M2.5 12H5M19 12h2.5M5.3 5.3 7 7M17 17l1.7 1.7M18.7 5.3 17 7M7 17l-1.7 1.7" />
    </>
  ),
  flame: (
    <path d="M12 21c-3.9 0-6.5-2.6-6.5-6 0-4.5 4.5-6 4.5-11.5 4 1.5 5 4.5 4.8 6.8 1-.3 1.7-1.3 1.9-2.3 1.3 1.8 1.8 4.4 1.8 6.5 0 3.9-2.6 6.5-6.5 6.5z" />
  ),
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof PATHS;

/** In size 5 where `className` says no size: without one an SVG is as wide as there is room. */
export function Icon({ name, className = '' }: { name: IconName; className?: string }) {
  const size = className.includes('size-') ? '' : 'size-5';
  return (
    <svg
      viewBox="0 0 24 24"
      className={`shrink-0 ${size} ${className}`}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.7"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {PATHS[name]}
    </svg>
  );
}
