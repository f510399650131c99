import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exists, importsOf, npmPackageOf, packageOf, resolveImport } from './imports.ts'
import { code, files, isTest, product, type SourceFile } from './source-files.ts'

/** What each package may import: those below it, and never one beside it. */
const below: Record<string, readonly string[]> = {
  core: [],
  relay: ['core'],
  engine: ['core'],
  hub: ['core', 'relay', 'engine'],
  device: ['core', 'relay', 'engine'],
  web: ['core', 'relay', 'engine'],
  cli: ['core', 'relay', 'engine', 'hub', 'device', 'web'],
}

const inPackages = code.filter(({ path }) => packageOf(path) !== undefined)

function imported(file: SourceFile): { specifier: string; target: string }[] {
  return importsOf(file).flatMap(specifier => {
    const target = resolveImport(file.path, specifier)
    return target === undefined ? [] : [{ specifier, target }]
  })
}

test('every package has its place in the layers', () => {
  const packages = new Set(files.map(({ path }) => packageOf(path)).filter(name => name !== undefined))
  assert.deepEqual(
    [...packages].filter(name => !Object.hasOwn(below, name)),
    [],
  )
})

/** What outside the packages a file in one may reach: tests their support, the device the kernels that it starts. */
function mayReach(file: SourceFile, target: string): boolean {
  if (target.startsWith('tests/')) return isTest(file.path)
  return target.startsWith('kernels/') && (isTest(file.path) || packageOf(file.path) === 'device')
}

test('imports point down only; hub and device never import each other', () => {
  const wrong = inPackages.flatMap(file => {
    const own = packageOf(file.path)!
    const allowed = (target: string) => {
      const other = packageOf(target)
      return other === undefined ? mayReach(file, target) : other === own || below[own]?.includes(other)
    }
    return imported(file)
      .filter(({ target }) => !allowed(target))
      .map(({ specifier }) => `${file.path} imports ${specifier}`)
  })
  assert.deepEqual(wrong, [])
})

test('kernels run inside the user’s interpreter: they import no package of ours but core', () => {
  const wrong = code
    .filter(({ path }) => path.startsWith('kernels/') && !isTest(path))
    .flatMap(file =>
      imported(file)
        .filter(({ target }) => !target.startsWith('kernels/') && packageOf(target) !== 'core')
        .map(({ specifier }) => `${file.path} imports ${specifier}`),
    )
  assert.deepEqual(wrong, [])
})

test('a package reaches another by its name, never by a path through the folders', () => {
  const wrong = inPackages.flatMap(file =>
    imported(file)
      .filter(
        ({ specifier, target }) =>
          specifier.startsWith('.') && packageOf(target) !== undefined && packageOf(target) !== packageOf(file.path),
      )
      .map(({ specifier }) => `${file.path} imports ${specifier}`),
  )
  assert.deepEqual(wrong, [])
})

test('every import of the repository’s own files names a file that exists', () => {
  const wrong = code.flatMap(file =>
    imported(file)
      .filter(({ target }) => /\.(?:ts|tsx|mjs|js)$/.test(target) && !exists(target))
      .map(({ specifier }) => `${file.path} imports ${specifier}`),
  )
  assert.deepEqual(wrong, [])
})

test('code that ships imports no test', () => {
  const wrong = product.flatMap(file =>
    imported(file)
      .filter(({ target }) => isTest(target))
      .map(({ specifier }) => `${file.path} imports ${specifier}`),
  )
  assert.deepEqual(wrong, [])
})

test('the page does not carry the grammars by which hub and device find imports', () => {
  const byPath = new Map(code.map(file => [file.path, file]))
  const reached = new Set(product.filter(({ path }) => path.startsWith('packages/web/src/')).map(({ path }) => path))
  for (const path of reached)
    for (const { target } of imported(byPath.get(path) ?? { path, text: '' })) reached.add(target)
  assert.ok(reached.has('packages/core/src/notebook/demands.ts'))
  assert.equal(reached.has('packages/core/src/notebook/imports.ts'), false)
})

test('core, web and whatever web imports run in a browser: no module of Node', () => {
  const byPath = new Map(code.map(file => [file.path, file]))
  const reached = new Set(
    product
      .filter(({ path }) => path.startsWith('packages/core/src/') || path.startsWith('packages/web/src/'))
      .map(({ path }) => path),
  )
  const wrong: string[] = []
  for (const path of reached) {
    const file = byPath.get(path)
    if (!file) continue
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('node:') || specifier === 'ws' || specifier === 'pino')
        wrong.push(`${path} imports ${specifier}`)
      const target = resolveImport(path, specifier)
      if (target !== undefined) reached.add(target)
    }
  }
  assert.deepEqual(wrong, [])
})

test('a package declares what it imports, and imports what it declares', () => {
  const wrong: string[] = []
  for (const manifest of files.filter(({ path }) => /^packages\/[^/]+\/package\.json$/.test(path))) {
    const name = packageOf(manifest.path)!
    const { dependencies = {} } = JSON.parse(manifest.text) as { dependencies?: Record<string, string> }
    const own = product.filter(({ path }) => packageOf(path) === name && path.includes('/src/'))
    const used = new Set(
      own.flatMap(importsOf).map(specifier => npmPackageOf(specifier) ?? /^@meshbook\/[^/]+/.exec(specifier)?.[0]),
    )
    for (const specifier of used)
      if (specifier && specifier !== `@meshbook/${name}` && !Object.hasOwn(dependencies, specifier))
        wrong.push(`${name} imports ${specifier} and does not declare it`)
    for (const dependency of Object.keys(dependencies))
      if (!used.has(dependency)) wrong.push(`${name} declares ${dependency} and does not import it`)
  }
  assert.deepEqual(wrong, [])
})
