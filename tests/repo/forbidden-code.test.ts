import assert from 'node:assert/strict'
import { test } from 'node:test'
import { code, isTest, places, product } from './source-files.ts'

/** Kernels exist to evaluate the user's code. */
const outsideKernels = code.filter(({ path }) => !path.startsWith('kernels/'))

test('S2 only version 1 of the Yjs update encoding is used: version 2 can be made to hang', () => {
  assert.deepEqual(
    places(
      /\b(?:mergeUpdates|applyUpdate|encodeStateAsUpdate|diffUpdate|encodeStateVectorFromUpdate|parseUpdateMeta)V2\b/,
      code.filter(({ path }) => !isTest(path)),
    ),
    [],
  )
})

test('nothing evaluates text as code', () => {
  assert.deepEqual(places(/(?<![.\w])eval\(|\bnew Function\(|(?<![.\w])Function\(['"`]/, outsideKernels), [])
})

test('no value is of type any', () => {
  assert.deepEqual(
    places(
      /(?::|\bas|<|\|)\s*any\s*(?=[,;)=\]|>{}\n[])/,
      code.filter(({ path }) => /\.tsx?$/.test(path)),
    ),
    [],
  )
})

test('no error is caught and dropped without a word', () => {
  assert.deepEqual(
    places(/\bcatch\s*(?:\([^)]*\)\s*)?\{\s*\}|\.catch\(\s*(?:async\s*)?(?:\(\w*\)|\w+)\s*=>\s*\{\s*\}\s*\)/, code),
    [],
  )
})

test('S12 no socket compresses', () => {
  assert.deepEqual(places(/perMessageDeflate:\s*(?:true|\{)/, code), [])
  const servers = product.filter(({ text }) => /new WebSocketServer\(/.test(text))
  assert.deepEqual(
    servers
      .filter(({ text }) => !/perMessageDeflate: false/.test(text) || !/maxPayload/.test(text))
      .map(({ path }) => path),
    [],
  )
})

test('no test is run alone, and none is left out without a reason', () => {
  const tests = code.filter(({ path }) => isTest(path))
  assert.deepEqual(places(/\b(?:test|it|describe|suite)\.only\(|\bonly: true/, tests), [])
  assert.deepEqual(
    places(/\b(?:test|it|describe|suite)\.(?:skip|todo)\(|\bskip: true|\btodo: true|\bt\.skip\(\s*\)/, tests),
    [],
  )
})

/** Where the clock and chance of the system enter; everything else takes them as parameters. */
const compositionRoots: readonly { path: RegExp; reason: string }[] = [
  { path: /^packages\/cli\/src\//, reason: 'the command wires the processes and prints ages' },
  {
    path: /^packages\/[^/]+\/src\/(?:[\w-]+\/)*(?:main|[\w-]+-main)\.tsx?$/,
    reason: 'the entry point of a process or page',
  },
  { path: /^packages\/web\/src\/.*\.tsx$/, reason: 'a view says how long ago something was' },
  { path: /^(?:scripts|bench|tests)\//, reason: 'measures and tests real time' },
  { path: /\.test\.tsx?$|\/testing\//, reason: 'tests real time' },
]

test('I7 clock and chance are parameters outside the composition roots', () => {
  const elsewhere = code.filter(
    ({ path }) => path.startsWith('packages/') && !compositionRoots.some(root => root.path.test(path)),
  )
  assert.deepEqual(places(/\bDate\.now\(\)|\bMath\.random\(\)|\bnew Date\(\)/, elsewhere), [])
})

test('no certificate check is switched off', () => {
  assert.deepEqual(places(/rejectUnauthorized:\s*false|NODE_TLS_REJECT_UNAUTHORIZED/, product), [])
})

test('S7 a token is never put into a URL', () => {
  assert.deepEqual(places(/[?&](?:token|access_token|api_key)=\$\{/, product), [])
})
