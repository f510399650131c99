import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importName, prepare } from './source.ts'

const load = (name: string) => `await ${importName}("${name}")`

test('import declarations become awaited imports on as many lines', () => {
  const cases: [string, string][] = [
    ["import a from 'x'", `const { default: a } = ${load('x')};`],
    ["import * as a from 'x'; a", `const a = ${load('x')};; a`],
    ["import {\n  a,\n  b as c,\n} from 'x'\na", `const { a, b: c } = ${load('x')};\n\n\n\na`],
    ["import d, { e } from 'x'", `const { default: d, e } = ${load('x')};`],
    ["import 'x'", `${load('x')};`],
    ["import a from 'x'\n[1]", `const { default: a } = ${load('x')};\n[1]`],
  ]
  for (const [code, expected] of cases) assert.deepEqual(prepare(code), { code: expected, broken: false })
})

test('only the word of the program is an import: not that of strings, templates, comments, expressions and members', () => {
  const untouched = [
    '"import(1)"',
    "'it\\'s import(1)'",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a template is what is read
    '`import(1) ${"import(2)"}`',
    '// import a from "x"\n1',
    '/* import(1) */ 1',
    '/import(1)/.test("")',
    'a.import(1)',
    'x = 1 / 2; y = "import("',
  ]
  for (const code of untouched) assert.equal(prepare(code).code, code)
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a template is what is read
  assert.equal(prepare('`${await import("x")} import(`').code, `\`\${await ${importName}("x")} import(\``)
  assert.equal(prepare('if (a) /import/.test(b); import("x")').code, `if (a) /import/.test(b); ${importName}("x")`)
})

test('types are stripped only where it is no JavaScript, in place', () => {
  assert.equal(prepare('const a: number = 1').code, 'const a         = 1')
  assert.equal(prepare('a < b > (c)').code, 'a < b > (c)')
  assert.throws(() => prepare('enum A { B }'), /enum/)
  assert.deepEqual(prepare('const {'), { code: 'const {', broken: true })
})
