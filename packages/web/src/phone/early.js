// Runs before anything else: no flash of the other theme, and the first list is on its way while the app loads (PH3).
try {
  const theme = localStorage.getItem('meshbook.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage is blocked: the system's theme applies.
}
{
  const get = path =>
    fetch(`/api/v1${path}`, { headers: { accept: 'application/json' }, signal: AbortSignal.timeout(15000) }).then(
      async answer => ({
        status: answer.status,
        protocol: Number(answer.headers.get('meshbook-protocol')),
        body: answer.ok ? await answer.json() : undefined,
      }),
    )
  const projects = get('/projects')
  const documents = get('/documents')
  for (const promise of [projects, documents]) promise.catch(() => undefined)
  globalThis.early = { projects, documents }
}
