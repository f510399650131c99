/** A notebook with R in it, run by the real command line: values, a table, a plot, an error. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { command, eventually, startMesh, temporaryFolder } from '../mesh-process.ts'

test('run: R cells share a session, a base plot is a picture, and an error stops with exit code 10', async t => {
  const data = await temporaryFolder(t)
  await startMesh(t, data)
  const file = join(data, 'projects/demo/statistics.md')
  await writeFile(
    file,
    '# Statistics\n\n```r\nx <- c(1, 2, 6)\nmean(x)\n```\n\n```r\nplot(x)\ncat("drawn\\n")\n```\n\n```r\nf <- function() {\n  stop("enough")\n}\nf()\n```\n',
  )
  await eventually(
    'the notebook is a document',
    async () => (await command(['run', file, '--cell', '1', '--data', data])).code === 0,
  )
  const { stdout } = await command(['run', file, '--cell', '2', '--json', '--data', data])
  const events = stdout.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line)]))
  const picture = events.find(event => event.type === 'display')
  assert.equal(picture?.parts[0].mimeType, 'image/png', stdout.slice(0, 2000))
  const all = await command(['run', file, '--data', data])
  assert.equal(all.code, 10)
  assert.match(all.stdout, /\[1\] 3[\s\S]*drawn/)
  assert.match(all.stderr, /enough/)
  await eventually('the file has it', async () => /at demo|enough/.test(await readFile(file, 'utf8')))
})
