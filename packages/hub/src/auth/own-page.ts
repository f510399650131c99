/** Where a browser goes after signing in: always a page of this hub (AU14). Pure. */
export function ownPage(to: string | undefined): string {
  if (to === undefined || !to.startsWith('/p/')) return to === '/account' ? to : '/'
  const inside = 'https://hub.invalid'
  const url = URL.parse(to, inside)
  return url?.origin === inside && url.pathname.startsWith('/p/') ? url.pathname : '/'
}
