/**
 * Which paths of a project a trigger is about (WF18). `*` and `?` stay in one name, `**` is any number of folders, `!`
 * takes away; names that begin with a dot are only meant where the dot is written. Cost is the product of both lengths.
 */
export function isGlob(text: string): boolean {
  const path = text.startsWith('!') ? text.slice(1) : text
  if (path === '' || /[[\]{}\\\0]/.test(path)) return false
  return path
    .split('/')
    .every(name => name !== '' && name !== '.' && name !== '..' && (name === '**' || !name.includes('**')))
}

/** The last glob that fits decides. */
export function isMeant(globs: readonly string[], path: string): boolean {
  const glob = globs.findLast(one => fits(one.startsWith('!') ? one.slice(1) : one, path))
  return glob !== undefined && !glob.startsWith('!')
}

function fits(glob: string, path: string): boolean {
  const [folders, names] = [glob.normalize('NFC').split('/'), path.normalize('NFC').split('/')]
  return fitsAll(
    folders,
    names,
    (folder, name) => fitsName(folder, name),
    folder => folder === '**',
    isPlain,
  )
}

const isPlain = (name: string): boolean => !name.startsWith('.')

function fitsName(glob: string, name: string): boolean {
  if (!isPlain(name) && !glob.startsWith('.')) return false
  return fitsAll(
    [...glob],
    [...name],
    (a, b) => a === '?' || a === b,
    a => a === '*',
    () => true,
  )
}

/** Whether the pattern fits the whole list, where a star is any number of items that it may pass over. */
function fitsAll(
  pattern: readonly string[],
  items: readonly string[],
  isOne: (pattern: string, item: string) => boolean,
  isStar: (pattern: string) => boolean,
  mayPass: (item: string) => boolean,
): boolean {
  let reached = new Set([0])
  const overStars = (from: ReadonlySet<number>): Set<number> => {
    const all = new Set(from)
    for (const at of all) if (at < pattern.length && isStar(pattern[at]!)) all.add(at + 1)
    return all
  }
  reached = overStars(reached)
  for (const item of items) {
    const next = new Set<number>()
    for (const at of reached) {
      if (at === pattern.length) continue
      const one = pattern[at]!
      if (isStar(one)) {
        if (mayPass(item)) next.add(at)
      } else if (isOne(one, item)) next.add(at + 1)
    }
    reached = overStars(next)
  }
  return reached.has(pattern.length)
}
