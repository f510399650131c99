/** Where in the phone's app the user is: the path as a signal, what it means, and the one way to change it. */
import { signal } from '@preact/signals'

export const place = signal(location.pathname)

/** Where each entry of the history was scrolled to (PH71). */
const scrolled = new Map<string, number>()
history.scrollRestoration = 'manual'
const entry = (): string => (history.state as { entry?: string } | null)?.entry ?? 'first'
addEventListener('scroll', () => scrolled.set(entry(), scrollY), { passive: true })

addEventListener('popstate', () => {
  place.value = location.pathname
  scrollSoon(scrolled.get(entry()) ?? 0)
})

export function go(to: string, options: { replace?: boolean } = {}): void {
  if (to === location.pathname) return
  const state = { entry: String(performance.now()) }
  if (options.replace) history.replaceState(state, '', to)
  else history.pushState(state, '', to)
  place.value = location.pathname
  scrollSoon(0)
}

/** Back to where one came from, or to `otherwise` when this was the first page. */
export function back(otherwise: string): void {
  if (history.state !== null) history.back()
  else go(otherwise, { replace: true })
}

function scrollSoon(top: number): void {
  requestAnimationFrame(() => scrollTo(0, top))
}

export type Tab = 'notebooks' | 'inbox' | 'runs' | 'devices' | 'settings'
export type PhonePage =
  | { page: Tab | 'search' | 'share' | 'pair' | 'unknown' }
  | { page: 'project'; project: string }
  | { page: 'notebook'; project: string; path: string }
  | { page: 'run'; run: string }
  | { page: 'gate'; gate: string }

const plain = new Set<string>(['inbox', 'runs', 'devices', 'settings', 'search', 'share', 'pair'])

/** What is at a path below `/m/`. Pure. */
export function pageAt(path: string): PhonePage {
  const [first, ...rest] = path
    .replace(/^\/m\/?/, '')
    .split('/')
    .filter(Boolean)
    .map(decoded)
  if (first === undefined) return { page: 'notebooks' }
  if (rest.length === 0 && plain.has(first)) return { page: first as Tab }
  if (first === 'runs' && rest.length === 1) return { page: 'run', run: rest[0]! }
  if (first === 'gates' && rest.length === 1) return { page: 'gate', gate: rest[0]! }
  if (first !== 'p' || rest.length === 0 || rest.includes('')) return { page: 'unknown' }
  const [project, ...names] = rest as [string, ...string[]]
  return names.length === 0 ? { page: 'project', project } : { page: 'notebook', project, path: names.join('/') }
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return ''
  }
}

export const runAt = (run: string): string => `/m/runs/${encodeURIComponent(run)}`
/** As the hub's messages name it. */
export const gateAt = (gate: string): string => `/m/gates/${encodeURIComponent(gate)}`
export const projectAt = (project: string): string => `/m/p/${encodeURIComponent(project)}`
export const notebookAt = (project: string, path: string): string =>
  [projectAt(project), ...path.split('/').map(encodeURIComponent)].join('/')
