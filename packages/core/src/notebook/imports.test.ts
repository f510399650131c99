import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { limits } from '../limits.ts'
import { importsOf, routedImports } from './imports.ts'

const reads = (language: string, code: string, expected: string[]): void =>
  assert.deepEqual(importsOf(language, code), expected, code)

test('IM1 IM2 Python: every form of an import is found, wherever it stands', () => {
  const py = (code: string, ...expected: string[]) => reads('python', code, expected.sort())
  py('import torch', 'torch')
  py('import a.b as c, d', 'a.b', 'd')
  py('from numba import cuda as gpu', 'numba', 'numba.cuda')
  py('from a . b import (c as x,  # why\n  d,\n)', 'a.b', 'a.b.c', 'a.b.d')
  py('from torch import *', 'torch')
  py('import \\\n  jax', 'jax')
  py('x = 1; import os; from a import b', 'os', 'a', 'a.b')
  py('if x:\n  try:\n    import torch.nn\n  except ImportError:\n    torch = None', 'torch.nn')
  py('async def f():\n\n  class A:\n    import cupy', 'cupy')
  py('match x:\n  case 1: import jax\n', 'jax')
  py('with open(f"{a!r:>{w}}") as f: import cudf', 'cudf')
  py('import torch\r\nimport jax\r\n', 'torch', 'jax')
})

test('IM1 IM2 Python: strings, docstrings, comments, names and relative imports are none', () => {
  const none = (code: string) => reads('py', code, [])
  none('s = "import torch"')
  none('"""\nimport torch\n"""')
  none("def f():\n  '''Uses it:\n\n  import torch\n  '''")
  none('# import torch')
  none('x = "\\\nimport torch"')
  none('f"{x:import torch}"')
  none("rb'import torch'; r'''\nimport torch\\'''")
  none('from . import torch\nfrom ..torch import nn\nfrom .torch.a import *')
  none('importlib.import_module("torch"); __import__("torch")')
  none('important = torch; x.from_ = 1')
})

test('IM2 Python: magics of IPython and broken lines hide nothing that follows them', () => {
  for (const line of [
    '%%time',
    '%matplotlib inline',
    '!pip install x',
    '?print',
    'x = !ls',
    'def (:',
    'x = "open',
    '1 +',
    '})',
  ])
    reads('python', `${line}\nimport torch`, ['torch'])
  reads('python', 'import torch as', ['torch'])
  reads('python', 'from a import', ['a'])
  reads('python', '\n# first\n%load_ext a\n!pip install "b"\nimport torch', ['torch'])
})

test('IM1 IM3 R: calls that attach and `::` are found; strings, comments and variables are none', () => {
  const r = (code: string, ...expected: string[]) => reads('R', code, expected.sort())
  r('library(torch)', 'torch')
  r('suppressMessages( require ( "keras" , quietly = TRUE))', 'keras')
  r("library(package = 'luz', character.only = TRUE)", 'luz')
  r('if (requireNamespace("a.b", quietly = TRUE)) loadNamespace("c")', 'a.b', 'c')
  r('x <- torch::nn_module(a); `keras`:::f()', 'torch', 'keras')
  r('library(\n  # the one\n  torch\n)', 'torch')
  r('# library(torch)\n"library(torch)"; \'torch::x\'; r"(library(torch))"; R"--[torch::a]--"')
  r('"a \\" library(torch)"')
  r('p <- "torch"; library(p, character.only = TRUE); library(help = torch); library(paste0("a"))')
  r('x$library(torch); library; require()')
  r('"it is \'fine\'"; library(torch)', 'torch')
})

test('IM1 IM4 Julia: lists, parts and aliases are found; strings, comments, symbols and relative ones are none', () => {
  const jl = (code: string, ...expected: string[]) => reads('julia', code, expected.sort())
  jl('using CUDA, Flux: gpu, cpu', 'CUDA', 'Flux')
  jl('import CUDA.CURAND as R, Lux', 'CUDA.CURAND', 'Lux')
  jl('using A,\n  B, # more\n  C\nD', 'A', 'B', 'C')
  jl('begin using Flux; import Metal end', 'Flux', 'Metal')
  jl('using ..Flux, .CUDA: a\nimport ...X')
  jl('# using CUDA\n#= using A #= using B =# using C =#')
  jl('"using CUDA"; """\nusing CUDA\n"""; `using CUDA`; raw"using A"')
  jl('"$(f("using A", (1, 2))) using B"; "\\$(" ; "a"')
  jl("x = 'u'; y = '\"'; z = A' * B'; using Flux", 'Flux')
  jl('(:using, :import, a.b); using_x = 1; reusing = 2')
  jl('"open\nusing CUDA')
})

test('IM6 other languages have none, and neither does a name from a prototype', () => {
  for (const language of ['javascript', 'bash', 'cobol', '__proto__', 'constructor', 'toString']) {
    reads(language, 'import torch', [])
    assert.deepEqual(routedImports(language, 'import torch'), [])
  }
})

test('IM5 what stands behind the part that is read is not seen', () => {
  const filler = '# a comment\n'.repeat(Math.ceil(limits.importScanChars / 12))
  reads('python', `import torch\n${filler}import jax`, ['torch'])
})

test('only code that holds the name of a library the router knows is parsed at all', () => {
  assert.deepEqual(routedImports('python', 'import os\nimport numpy'), [])
  assert.deepEqual(routedImports('python', 'import os, torch'), ['os', 'torch'])
  assert.deepEqual(routedImports('julia', 'using CUDA'), ['CUDA'])
})

const languages = fc.constantFrom('python', 'r', 'julia')
const pieces = fc.constantFrom(
  ...[
    'import ',
    'from ',
    'using ',
    'library(',
    'require(',
    'torch',
    ' as ',
    ',',
    '.',
    '..',
    '::',
    ':',
    '(',
    ')',
    '[',
    ']',
  ],
  ...[
    '{',
    '}',
    '"',
    "'",
    '"""',
    "'''",
    '`',
    '\\',
    '\n',
    '\r',
    '\t',
    '  ',
    '#',
    '#=',
    '=#',
    '$(',
    'r"(',
    ')"',
    'f"{',
    '%',
    '!',
  ],
  ...[
    'def f():',
    'if x:',
    'lambda:',
    '@',
    ';',
    '0x',
    '1.5',
    'é',
    '\u{1f600}',
    '\ud800',
    '\0',
    '\u2028',
    'character.only',
  ],
)

test('IM5 nothing throws, whatever the text, and what is found are names', () => {
  const text = fc.oneof(
    fc.array(pieces, { maxLength: 60 }).map(all => all.join('')),
    fc.string({ unit: 'binary', maxLength: 80 }),
  )
  fc.assert(
    fc.property(languages, text, (language, code) => {
      for (const name of importsOf(language, code)) assert.match(name, /^[^\s()"'`,#\\]+$/u, code)
    }),
    { numRuns: 6_000 },
  )
})

/** Ways of writing a text as a string or comment in a language, and what may not stand in it. */
const quotes: Record<string, ((text: string) => string)[]> = {
  python: [
    text => `s = ${JSON.stringify(text)}`,
    text => `s = f${JSON.stringify(text.replaceAll(/[{}]/g, ''))}`,
    text => `"""\n${text.replaceAll(/["\\]/g, '')}\n"""`,
    text => `def f():\n  r'''${text.replaceAll(/['\\]/g, '')}'''\n  return 1`,
    text => `f(1, # ${text.replaceAll(/[\n\r]/g, ' ')}\n  2)`,
  ],
  r: [
    text => `s <- ${JSON.stringify(text)}`,
    text => `r"---(${text.replaceAll('-', '')})---"`,
    text => `'${text.replaceAll(/['\\]/g, '')}'`,
    text => `f(1) # ${text.replaceAll(/[\n\r]/g, ' ')}\n`,
  ],
  julia: [
    text => `s = ${JSON.stringify(text.replaceAll('$', ''))}`,
    text => `"""\n${text.replaceAll(/["$\\]/g, '')}\n"""`,
    text => `#= ${text.replaceAll(/[#=]/g, '')} =#`,
    text => `x = f("$(g("${text.replaceAll(/["\\$]/g, '')}"))")`,
    text => `'a' # ${text.replaceAll(/[\n\r]/g, ' ')}\n`,
  ],
}
const secrets = fc.constantFrom('import secret', 'from secret import a', 'using secret', 'library(secret)', 'secret::x')

test('IM1 text in strings and comments is never an import, and hides none that follows', () => {
  const attempt = languages.chain(language =>
    fc.tuple(
      fc.constant(language),
      fc.constantFrom(...quotes[language]!),
      fc.array(
        fc.oneof(secrets, fc.constantFrom('\n', ' ', ';', '"', "'", '(', ')', '[', 'x', '\\', '#', '=', '%', '\t')),
        {
          maxLength: 12,
        },
      ),
    ),
  )
  const after: Record<string, string> = { python: 'import seen', r: 'library(seen)', julia: 'using seen' }
  fc.assert(
    fc.property(attempt, ([language, quote, parts]) => {
      const code = `${quote(parts.join(''))}\n${after[language]}\n`
      assert.deepEqual(importsOf(language, code), ['seen'], code)
    }),
    { numRuns: 6_000 },
  )
})

test('IM5 hostile code costs a bounded time', () => {
  for (const piece of [
    '((((',
    'if x:\n',
    '%!',
    'a:b:',
    '@',
    'import ',
    '"',
    "'",
    '#=',
    '"$(',
    'library(',
    '::',
    'r"',
    ',\n',
  ]) {
    const code = `import ${piece.repeat(limits.importScanChars / piece.length)}`
    for (const language of ['python', 'r', 'julia']) {
      const from = performance.now()
      importsOf(language, code)
      assert.ok(performance.now() - from < 2_000, `${language} ${JSON.stringify(piece)}`)
    }
  }
})
