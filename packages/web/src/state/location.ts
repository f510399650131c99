/** Where the user is: the path as a signal, and the one way to change it. */
import { signal } from '@preact/signals'

export const here = signal(location.pathname)

addEventListener('popstate', () => {
  here.value = location.pathname
})

export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (to === location.pathname) return
  if (options.replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  here.value = location.pathname
  scrollTo(0, 0)
}

export type Route =
  | { page: 'home' | 'runs' | 'sessions' | 'devices' | 'audit' | 'account' | 'signin' | 'pair' | 'unknown' }
  | { page: 'notebook'; project: string; path: string }

export function routeOf(path: string): Route {
  if (path === '/' || path === '') return { page: 'home' }
  if (path === '/runs') return { page: 'runs' }
  if (path === '/sessions') return { page: 'sessions' }
  if (path === '/devices') return { page: 'devices' }
  if (path === '/audit') return { page: 'audit' }
  if (path === '/account') return { page: 'account' }
  if (path === '/signin') return { page: 'signin' }
  if (path === '/pair') return { page: 'pair' }
  const [, p, project, ...rest] = path.split('/')
  const segments = [project, ...rest].map(decode)
  if (p === 'p' && rest.length > 0 && segments.every(segment => segment))
    return { page: 'notebook', project: segments[0]!, path: segments.slice(1).join('/') }
  return { page: 'unknown' }
}

function decode(segment: string | undefined): string {
  try {
    return decodeURIComponent(segment ?? '')
  } catch {
    return ''
  }
}

export function notebookUrl(project: string, path: string): string {
  return `/p/${[project, ...path.split('/')].map(encodeURIComponent).join('/')}`
}
