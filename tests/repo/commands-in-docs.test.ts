/** Every command that the documentation shows is one that the command line knows, with the options that are shown. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { meshbookProgram } from '@meshbook/cli/all-commands.ts'

const docs = join(import.meta.dirname, '../../docs')

type Command = Awaited<ReturnType<typeof meshbookProgram>>
interface Shown {
  file: string
  line: string
}

/** Lines of code that begin with `meshbook`, without what is said about them. */
async function commandsShown(): Promise<Shown[]> {
  const files = (await readdir(docs)).filter(file => file.endsWith('.md'))
  const texts = await Promise.all(files.map(file => readFile(join(docs, file), 'utf8')))
  return texts.flatMap((text, at) =>
    Array.from(text.matchAll(/^(?:\$ )?meshbook [a-z].*$/gm), ([line]) => ({
      file: files[at]!,
      line: line.replace(/^\$ /, '').replace(/\s+#.*$/, ''),
    })),
  )
}

const program = await meshbookProgram()

/** What in a line is not known, if anything. */
function unknownIn(line: string): string | undefined {
  let command = program
  let isValue = false
  // What stands between quotes is one word.
  for (const word of (line.match(/"[^"]*"|\S+/g) ?? []).slice(1)) {
    if (isValue) {
      isValue = false
      continue
    }
    const below = command.commands.find(one => one.name() === word || one.aliases().includes(word))
    if (below) command = below
    else if (command.commands.length > 0 && /^[a-z]+$/.test(word)) return word
    else if (/^--?[a-z]/.test(word)) {
      if (!optionOf(command, word.replace(/=.*/, ''))) return word
      isValue = command.options.some(({ long, required }) => long === word && required)
    }
  }
  return undefined
}

function optionOf(command: Command, flag: string): boolean {
  if (flag === '--help') return true
  const known = command.options.some(({ long, short }) => long === flag || short === flag)
  return known || (command.parent ? optionOf(command.parent, flag) : false)
}

test('the commands that the documentation shows are known, with their options', async () => {
  const shown = await commandsShown()
  assert.ok(shown.filter(({ file }) => file === 'formats.md').length >= 5)
  const wrong = shown.flatMap(({ file, line }) => {
    const unknown = unknownIn(line)
    return unknown === undefined ? [] : [`${file}: ${line}: ${unknown}`]
  })
  assert.deepEqual(wrong, [])
  assert.equal(unknownIn('meshbook export a.md --two ipynb'), '--two')
  assert.equal(unknownIn('meshbook exprot a.md'), 'exprot')
})
