/** What is at each address of the phone's app: one place, one address, those of the hub's messages among them. Pure. */
export type Tab = 'notebooks' | 'inbox' | 'runs' | 'devices' | 'settings'
export type PhonePage =
  | { page: Tab | 'tasks' | 'new-task' | 'search' | 'share' | 'pair' | 'unknown' }
  | { page: 'project'; project: string }
  | { page: 'notebook'; project: string; path: string }
  | { page: 'run'; run: string }
  | { page: 'task'; task: string }
  | { page: 'gate'; gate: string }

const plain = new Set<string>(['inbox', 'runs', 'tasks', 'devices', 'settings', 'search', 'share', 'pair'])

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
  if (first === 'tasks' && rest.length === 1)
    return rest[0] === 'new' ? { page: 'new-task' } : { page: 'task', task: rest[0]! }
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
export const taskAt = (task: string): string => `/m/tasks/${encodeURIComponent(task)}`
/** As the hub's messages name it. */
export const gateAt = (gate: string): string => `/m/gates/${encodeURIComponent(gate)}`
export const projectAt = (project: string): string => `/m/p/${encodeURIComponent(project)}`
export const notebookAt = (project: string, path: string): string =>
  [projectAt(project), ...path.split('/').map(encodeURIComponent)].join('/')
