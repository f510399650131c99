/** The icons, as strokes on a 16-unit grid. They are decoration: what they mean is always said in words too. */
const paths = {
  play: 'M5 3.2v9.6L12.6 8z',
  stop: 'M4 4h8v8H4z',
  restart: 'M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3',
  plus: 'M8 3v10M3 8h10',
  close: 'M4 4l8 8M12 4l-8 8',
  check: 'M3 8.5l3.2 3.2L13 5',
  chevron: 'M6 4l4 4-4 4',
  down: 'M4 6l4 4 4-4',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  grip: 'M6 4h.01M10 4h.01M6 8h.01M10 8h.01M6 12h.01M10 12h.01',
  file: 'M4 1.8h5l3.2 3.2v9.2H4zM9 1.8V5h3.2',
  lines: 'M4 1.8h5l3.2 3.2v9.2H4zM6.2 8h3.8M6.2 10.6h3.8',
  image: 'M2.3 3h11.4v10H2.3zM2.3 11.2l3.3-3.4 2.7 2.7 1.9-1.9 3.5 3.3M10.6 5.9h.01',
  folder: 'M1.8 4.2c0-.6.4-1 1-1h3.1l1.5 1.6h5.8c.6 0 1 .4 1 1v6c0 .6-.4 1-1 1H2.8c-.6 0-1-.4-1-1z',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.4 10.4L14 14',
  bolt: 'M9 1.5L3 9h4.5L7 14.5 13 7H8.5z',
  circle: 'M8 13a5 5 0 1 0 0-10 5 5 0 0 0 0 10z',
  cloud: 'M4.6 12.5a3.1 3.1 0 0 1-.2-6.2 4 4 0 0 1 7.7.8 2.7 2.7 0 0 1-.4 5.4z',
  offline: 'M2.5 2.5l11 11M4.6 12.5a3.1 3.1 0 0 1-.6-6.1M6.4 3.8a4 4 0 0 1 5.7 3.3 2.7 2.7 0 0 1 1.6 4',
  warning: 'M8 2.2L14.4 13H1.6zM8 6.5v3M8 11.2v.1',
  sidebar: 'M2 3.5h12v9H2zM6 3.5v9',
  panel: 'M2 3.5h12v9H2zM10 3.5v9',
  list: 'M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01',
  laptop: 'M3 3.5h10v7H3zM1.2 12.5h13.6',
  server: 'M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01',
  phone: 'M5 1.8h6v12.4H5zM7.4 12h1.2',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.2 1.5',
  history: 'M2.6 8a5.4 5.4 0 1 0 1.7-3.9M2.4 2.6v2.6H5M8 5.2V8l2 1.4',
  bookmark: 'M4.5 2.2h7v11.6L8 11l-3.5 2.8z',
  user: 'M8 8.2a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM2.8 13.6c.6-2.3 2.6-3.6 5.2-3.6s4.6 1.3 5.2 3.6',
  trash: 'M2.8 4.2h10.4M6.2 4V2.6h3.6V4M4.2 4.2l.6 9h6.4l.6-9',
  pencil: 'M2.8 13.2l.6-2.8 7.4-7.4 2.2 2.2-7.4 7.4z',
  up: 'M8 13V3M4 7l4-4 4 4',
  downArrow: 'M8 3v10M4 9l4 4 4-4',
  sun: 'M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M3.4 12.6l1.1-1.1M11.5 4.5l1.1-1.1',
  moon: 'M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z',
  keyboard: 'M1.8 4h12.4v8H1.8zM4.2 6.6h.01M6.7 6.6h.01M9.2 6.6h.01M11.7 6.6h.01M5 9.5h6',
  exit: 'M6.5 2.8H3v10.4h3.5M10 5l3 3-3 3M13 8H6.5',
  download: 'M8 2.5v8M4.5 7L8 10.5 11.5 7M3 13.2h10',
  copy: 'M5.5 5.5h7.7v7.7H5.5zM10.5 5.5V2.8H2.8v7.7h2.7',
  text: 'M3 4V3h10v1M8 3v10M6.3 13h3.4',
  code: 'M5.5 4.5L2 8l3.5 3.5M10.5 4.5L14 8l-3.5 3.5',
  braces:
    'M6 2.5c-2 0-1.6 1.2-1.6 2.8S3.5 8 2.5 8c1 0 1.9 1 1.9 2.7S4 13.5 6 13.5M10 2.5c2 0 1.6 1.2 1.6 2.8S12.5 8 13.5 8c-1 0-1.9 1-1.9 2.7s.4 2.8-1.6 2.8',
  spinner: 'M8 2a6 6 0 1 0 6 6',
  eye: 'M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 9.8a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6z',
  battery: 'M1.8 5h10.6v6H1.8zM14.2 7v2M4 7v2M6.4 7v2',
  gear: 'M2 5h6M11 5h3M2 11h3M8 11h6M9.5 5m-1.6 0a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0-3.2 0M6.5 11m-1.6 0a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0-3.2 0',
  fork: 'M4.5 5.6v4.8M4.5 5.6a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6zM4.5 14a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6zM11.5 5.6a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6zM11.5 5.6c0 2.6-7 1.6-7 4.8',
  eraser: 'M6 13.2l-3.6-3.6 6.8-6.8 4.4 4.4-6 6zM6 13.2h7.5M5.8 6.2l4.4 4.4',
} as const
export type IconName = keyof typeof paths

const filled = new Set<IconName>(['play', 'stop'])
const dotted = new Set<IconName>(['more', 'grip'])

export function Icon({ name, size = 16, class: extra = '' }: { name: IconName; size?: number; class?: string }) {
  const width = dotted.has(name) ? 2.4 : 1.5
  return (
    <svg
      class={`icon ${extra}`}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill={filled.has(name) ? 'currentColor' : 'none'}
      stroke="currentColor"
      stroke-width={width}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  )
}
