/** What is at each address of the portal. Pure. */
const plain = [
  'workflows',
  'triggers',
  'overview',
  'runs',
  'gates',
  'devices',
  'usage',
  'members',
  'tokens',
  'keys',
  'hooks',
  'audit',
] as const
export type PortalPage =
  | { page: 'tasks' | 'new-task' | 'new-workflow' | 'unknown' | (typeof plain)[number] }
  | { page: 'task'; task: string }
  | { page: 'workflow'; run: string }

export function portalPageAt(path: string): PortalPage {
  const [first, second, ...rest] = path
    .replace(/^\/portal\/?/, '')
    .split('/')
    .filter(Boolean)
  if (first === undefined) return { page: 'tasks' }
  if (first === 'tasks' && second === undefined) return { page: 'tasks' }
  if (first === 'tasks' && second === 'new' && rest.length === 0) return { page: 'new-task' }
  if (first === 'tasks' && second !== undefined && rest.length === 0) return { page: 'task', task: decoded(second) }
  if (first === 'workflows' && second === 'new' && rest.length === 0) return { page: 'new-workflow' }
  if (first === 'workflows' && second !== undefined && rest.length === 0)
    return { page: 'workflow', run: decoded(second) }
  const page = second === undefined ? plain.find(one => one === first) : undefined
  return { page: page ?? 'unknown' }
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

export const taskAt = (task: string): string => `/portal/tasks/${encodeURIComponent(task)}`
