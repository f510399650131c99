/** The mirrors that apt of this system is set up with, in both of its formats. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface AptSource {
  uri: string
  suites: string[]
}

export async function aptSources(folder = '/etc/apt'): Promise<AptSource[]> {
  const parts = (await readdir(join(folder, 'sources.list.d')).catch(() => [])).sort()
  const files = ['sources.list', ...parts.map(name => join('sources.list.d', name))]
  const found: AptSource[] = []
  for (const file of files) {
    const text = await readFile(join(folder, file), 'utf8').catch(() => '')
    if (file.endsWith('.sources')) found.push(...sourcesOf(text))
    else if (file.endsWith('.list')) found.push(...linesOf(text))
  }
  return found
}

export function sourcesOf(text: string): AptSource[] {
  const withoutComments = text.replace(/^#.*\n/gm, '')
  return withoutComments.split(/\n\s*\n/).flatMap(part => {
    const field = (name: string) => new RegExp(`^${name}:\\s*(.+)$`, 'im').exec(part)?.[1]?.trim().split(/\s+/) ?? []
    if (!field('Types').includes('deb') || field('Enabled').includes('no')) return []
    return field('URIs').map(uri => ({ uri, suites: field('Suites') }))
  })
}

export function linesOf(text: string): AptSource[] {
  return text.split('\n').flatMap(line => {
    const [, uri, suite] = /^\s*deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(\S+)/.exec(line) ?? []
    return uri && suite ? [{ uri, suites: [suite] }] : []
  })
}

/** One that has the whole archive: of a release itself, not only of its security updates. */
export function chosenMirror(sources: readonly AptSource[]): string | undefined {
  const whole = sources.filter(
    ({ uri, suites }) => /\/debian\/?$/.test(uri) && suites.some(suite => !/[-/]/.test(suite)),
  )
  return whole[0]?.uri
}
