import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importsOf } from './imports.ts'
import { code, type SourceFile } from './source-files.ts'

/** What a simulator with logic of its own would need: to compare, merge or encode texts and updates, or to speak SQL. */
const forbidden: readonly { pattern: RegExp; what: string }[] = [
  {
    pattern: /\b(?:mergeUpdates|diffUpdate|encodeStateAsUpdate|encodeStateVector|convertUpdateFormat)\w*\(/,
    what: 'merges updates',
  },
  {
    pattern: /\b(?:mergeFile|mergeEdits|rebaseText|editsBetween|editsOfUnion|carriedOver|threeWayEdits)\b/,
    what: 'merges texts',
  },
  { pattern: /\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE)\s+[\w*]+/, what: 'speaks SQL' },
  { pattern: /\b(?:route|leaseRun|nextPlacement)\(/, what: 'routes or leases' },
]
const forbiddenImports =
  /^(?:fast-diff|diff|node:sqlite|pg|better-sqlite3|automerge.*)$|\/(?:merge|edits|merge-file|text-rebase|route|update-jobs)\.ts$/

function ownLogic(file: SourceFile): string[] {
  return [
    ...importsOf(file)
      .filter(specifier => forbiddenImports.test(specifier))
      .map(specifier => `${file.path} imports ${specifier}`),
    ...forbidden.filter(({ pattern }) => pattern.test(file.text)).map(({ what }) => `${file.path} ${what}`),
  ]
}

test('the simulator has no merge, lease, routing or store logic of its own: it runs the shipped classes', () => {
  const files = code.filter(({ path }) => path.startsWith('tests/sim/'))
  assert.ok(files.length > 10)
  assert.deepEqual(files.flatMap(ownLogic), [])
})

test('the rule about the simulator finds what it forbids', () => {
  const wrong = [
    "import diff from 'fast-diff'",
    "import { mergeFile } from '@meshbook/device/projects/merge-file.ts'",
    "import { DatabaseSync } from 'node:sqlite'",
    'const both = Y.mergeUpdates([a, b])',
    'Y.encodeStateAsUpdate(doc)',
    "db.exec('SELECT position FROM relay_updates')",
    'const where = route(request, devices)',
  ]
  for (const text of wrong) assert.notDeepEqual(ownLogic({ path: 'tests/sim/x.ts', text }), [], text)
})

test('the simulator constructs the shipped hub, device and browser', () => {
  const text = code
    .filter(({ path }) => path.startsWith('tests/sim/world/'))
    .map(file => file.text)
    .join('\n')
  for (const made of [
    'new Relay(',
    'new SqliteDocumentStore(',
    'Documents.start(',
    'new Attachments(',
    'new HubLink(',
    'new DocumentLink(',
    'serveSync(',
    'serveChannel(',
  ])
    assert.ok(text.includes(made), made)
})
