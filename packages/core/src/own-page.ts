/** Where a browser goes after signing in: always a page of this hub (AU14). Pure. */
const apps = ['/p/', '/m/', '/portal/']

export function ownPage(to: string | undefined): string {
  if (to === undefined || !apps.some(app => to.startsWith(app))) return to === '/account' ? to : '/'
  const inside = 'https://hub.invalid'
  const url = URL.parse(to, inside)
  return url?.origin === inside && apps.some(app => url.pathname.startsWith(app)) ? url.pathname : '/'
}
