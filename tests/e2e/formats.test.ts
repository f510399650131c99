/** Notebooks of Jupyter in Meshbook and back: real kernels made them, a browser shows and runs them, nbformat judges. */
import assert from 'node:assert/strict'
import { copyFile, cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openBrowser, openDocument, signIn } from '../browser.ts'
import { makeNotebook, validated } from '../formats/jupyter-file.ts'
import { largeNotebook } from '../formats/large-notebook.ts'
import { command, eventually, startMesh, temporaryFolder } from '../mesh-process.ts'

interface File {
  cells: { id: string; cell_type: string; outputs?: unknown[]; source: string[] }[]
}
const cellsOf = async (path: string) => (JSON.parse(await readFile(path, 'utf8')) as File).cells

test('FM1 a notebook of Jupyter is imported, shown, run and exported: what nobody touched has the same bytes', async t => {
  const data = await temporaryFolder(t)
  const made = join(data, 'made.ipynb')
  await makeNotebook(made)
  const mesh = await startMesh(t, data)
  const folder = join(data, 'projects/demo')
  await copyFile(made, join(folder, 'made.ipynb'))
  const imported = await command(['import', join(folder, 'made.ipynb'), '--data', data, '--json'])
  assert.equal(imported.code, 0, imported.stderr)
  const told = JSON.parse(imported.stdout) as { exact: boolean; cells: number; assets: number }
  assert.deepEqual([told.exact, told.cells], [true, 6])
  const again = await command(['import', join(folder, 'made.ipynb'), '--data', data, '--json'])
  assert.deepEqual([again.code, JSON.parse(again.stdout).error], [5, 'WOULD_OVERWRITE'])

  const file = join(folder, 'made.md')
  const back = join(data, 'back.ipynb')
  const untouched = await command(['export', file, '--to', 'ipynb', '-o', back, '--data', data])
  assert.equal(untouched.code, 0, untouched.stderr)
  assert.equal(await readFile(back, 'utf8'), await readFile(made, 'utf8'))

  const { page } = await openBrowser(t)
  await signIn(page, mesh)
  await openDocument(page, mesh, 'made.md')
  assert.equal(await page.locator('.cell').count(), 5, 'the fence in the text is no cell')
  await page.locator('.cell').filter({ hasText: 'plt.plot' }).locator('img').first().waitFor()
  const table = page.locator('.cell').filter({ hasText: 'pd.DataFrame' })
  await table.locator('iframe, table').first().waitFor()
  const cell = page.locator('.cell').filter({ hasText: "print('hi')" })
  await cell.getByRole('button', { name: 'Run the cell' }).click()
  await cell.locator('.ran-on').waitFor()
  await page.getByText('Synced ✓').waitFor()
  await eventually(
    'the file has the run',
    async () => !(await readFile(file, 'utf8')).includes('{"execution_count": 2}'),
  )

  await page.getByRole('button', { name: 'Notebook menu' }).click()
  const downloading = page.waitForEvent('download')
  await page.getByText('Jupyter (.ipynb)').click()
  const fromPage = join(data, 'page.ipynb')
  await (await downloading).saveAs(fromPage)
  const after = join(data, 'after.ipynb')
  const ran = await command(['export', 'me/demo/made.md', '--to', 'ipynb', '-o', after, '--data', data, '--json'])
  assert.equal(ran.code, 0, ran.stderr)
  assert.equal(await readFile(fromPage, 'utf8'), await readFile(after, 'utf8'), 'page and command make the same file')
  assert.equal(await validated(after), 'valid same')

  await page.getByRole('button', { name: 'Notebook menu' }).click()
  const choosing = page.waitForEvent('filechooser')
  await page.getByText('Import…', { exact: true }).click()
  await (await choosing).setFiles(made)
  await page.getByRole('status').getByText('Imported made-2.md').waitFor()
  await page.waitForURL(/\/made-2\.md$/)
  await page.locator('.cell').filter({ hasText: 'plt.plot' }).locator('img').first().waitFor()
  const [before, now] = [await cellsOf(made), await cellsOf(after)]
  assert.deepEqual(now.toSpliced(2, 1), before.toSpliced(2, 1))
  assert.deepEqual([now[2]!.id, now[2]!.source], [before[2]!.id, before[2]!.source])
  assert.deepEqual(now[2]!.outputs, [{ name: 'stdout', output_type: 'stream', text: ['hi\n'] }])
})

test('FM3 a document with outputs of runs comes back from a notebook file as it was; other formats are written whole', async t => {
  const data = await temporaryFolder(t)
  const mesh = await startMesh(t, data)
  const folder = join(data, 'projects/demo')
  const file = join(folder, 'drawn.md')
  const drawing =
    'from base64 import b64decode\nclass P:\n    def _repr_svg_(self): return \'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>\'\nprint(\'a\')\nP()'
  await writeFile(file, `# Drawn\n\n\`\`\`python\n${drawing}\n\`\`\`\n\n\`\`\`bash\necho b\n\`\`\`\n\nend\n`)
  await eventually('the document', async () => (await command(['run', file, '--data', data])).code === 0)
  await eventually('its outputs', async () =>
    /output:[\s\S]*asset:sha256-[\s\S]*output:[^\n]*\nb\n/.test(await readFile(file, 'utf8')),
  )
  const text = await readFile(file, 'utf8')
  const notebook = join(data, 'drawn.ipynb')
  const exported = await command(['export', file, '--to', 'ipynb', '-o', notebook, '--data', data, '--json'])
  assert.equal(exported.code, 0, exported.stderr)
  assert.deepEqual(JSON.parse(exported.stdout).missing, [])
  assert.equal(await validated(notebook), 'valid same')
  const back = join(data, 'elsewhere/back.md')
  assert.equal((await command(['import', notebook, '--to', back, '--data', data])).code, 0)
  assert.equal(await readFile(back, 'utf8'), text)

  const bare = await command(['export', file, '--to', 'ipynb', '-o', '-', '--no-outputs', '--data', data])
  assert.ok(
    (JSON.parse(bare.stdout) as File).cells.every(({ outputs }) => outputs === undefined || outputs.length === 0),
  )
  const html = join(data, 'drawn.html')
  assert.equal((await command(['export', file, '--to', 'html', '-o', html, '--data', data])).code, 0)
  assert.match(await readFile(html, 'utf8'), /data:image\/svg\+xml;base64,/)
  assert.ok(!/<script/i.test(await readFile(html, 'utf8')))
  for (const format of ['qmd', 'myst', 'percent'])
    assert.equal((await command(['export', file, '--to', format, '--data', data])).code, 0, format)
  assert.deepEqual((await readdir(folder)).filter(name => name.startsWith('drawn')).sort(), [
    'drawn.md',
    'drawn.myst.md',
    'drawn.py',
    'drawn.qmd',
  ])

  const { page } = await openBrowser(t)
  await signIn(page, mesh)
  await page.locator('.cell').first().waitFor()
  const content = await readFile(notebook, 'utf8')
  await page.evaluate(text => {
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File([text], 'dropped.ipynb'))
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
  }, content)
  await page.waitForURL(/dropped\.md$/)
  await eventually(
    'the dropped notebook',
    async () => (await readFile(join(folder, 'dropped.md'), 'utf8').catch(() => '')) === text,
  )
})

test('FM52 DV130 a notebook of 20 MB goes into a project of the hub, over another only with --force; files bring their pictures', async t => {
  const data = await temporaryFolder(t)
  await startMesh(t, data)
  const large = join(data, 'large.ipynb')
  await writeFile(large, largeNotebook({ cells: 200, pictures: 40, pictureBytes: 384 * 1024, lines: 400 }))
  assert.ok((await stat(large)).size > 20_000_000)
  const into = ['import', large, '--project', 'demo', '--data', data, '--json']
  const first = await command(into)
  assert.equal(first.code, 0, first.stdout + first.stderr)
  const told = JSON.parse(first.stdout) as { to: string; assets: number }
  assert.deepEqual([told.to, told.assets], ['me/demo/large.md', 40])
  const again = await command(into)
  assert.deepEqual([again.code, JSON.parse(again.stdout).error], [5, 'WOULD_OVERWRITE'])
  assert.equal((await command([...into, '--force'])).code, 0)
  const back = join(data, 'back.ipynb')
  const exported = await command(['export', 'me/demo/large.md', '--to', 'ipynb', '-o', back, '--data', data, '--json'])
  assert.deepEqual(JSON.parse(exported.stdout).missing, [])
  assert.ok((await readFile(back)).equals(await readFile(large)))
  const page = join(data, 'large.html')
  const drawn = await command(['export', 'me/demo/large.md', '--to', 'html', '-o', page, '--data', data, '--json'])
  assert.deepEqual(JSON.parse(drawn.stdout).missing, [], drawn.stdout + drawn.stderr)
  assert.equal((await readFile(page, 'utf8')).split('data:image/png;base64,').length - 1, 40)

  const apart = join(data, 'apart')
  await mkdir(apart)
  const small = join(apart, 'small.ipynb')
  await writeFile(small, largeNotebook({ cells: 3, pictures: 2, pictureBytes: 2_000, lines: 1 }))
  const alone = await command(['import', small, '--data', join(data, 'nothing')])
  assert.equal(alone.code, 0, alone.stderr)
  const folder = join(data, 'projects/demo/sub')
  await cp(join(apart, '_assets'), join(folder, '_assets'), { recursive: true })
  await copyFile(join(apart, 'small.md'), join(folder, 'small.md'))
  await eventually('its pictures are at the hub', async () => {
    const answer = await command(['export', 'me/demo/sub/small.md', '--to', 'ipynb', '-o', '-', '--data', data])
    return answer.code === 0 && answer.stdout === (await readFile(small, 'utf8'))
  })
})

test('FM51 a broken file is named with line, column and place, and nothing is written; a folder is imported whole', async t => {
  const folder = await temporaryFolder(t)
  const data = join(folder, 'no-data')
  await mkdir(join(folder, 'in/deep'), { recursive: true })
  const broken = join(folder, 'broken.ipynb')
  await writeFile(broken, '{\n "cells": [{"source": [1,,]}]\n}')
  const refused = await command(['import', broken, '--data', data, '--json'])
  assert.equal(refused.code, 1)
  const error = JSON.parse(refused.stdout) as { error: string; detail: string }
  assert.equal(error.error, 'BAD_FORMAT')
  assert.match(error.detail, /broken\.ipynb: line 2, column 26 \(in cells\[0\]\.source\[1\]\)/)
  const empty = '{\n "cells": [],\n "metadata": {},\n "nbformat": 4,\n "nbformat_minor": 5\n}\n'
  for (const name of ['in/a.ipynb', 'in/deep/b.ipynb']) await writeFile(join(folder, name), empty)
  const all = await command(['import', join(folder, 'in'), '--to', join(folder, 'out'), '--data', data, '--json'])
  assert.equal(all.code, 0, all.stderr)
  assert.deepEqual((await readdir(join(folder, 'out'), { recursive: true })).sort(), ['a.md', 'deep', 'deep/b.md'])
  assert.deepEqual((await readdir(folder)).sort(), ['broken.ipynb', 'in', 'out'])
})
