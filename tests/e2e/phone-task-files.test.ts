/** The files of a task on the phone, by touch (TP7, TP20): folders, text, what is none, and what is too large. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkOf, looksGood, openPhone, webFolder } from './phone-scene.ts'
import { taskScene } from './task-scene.ts'

test('TP7 TP20 the files of a task are looked through by touch, and what cannot be shown is called that', async t => {
  const s = await taskScene(t, { webFolder })
  const { id } = await s.give('Mend the failing test')
  const { page, open, faults } = await openPhone(t, await linkOf(s.it))
  await open(`/m/tasks/${id}`)
  await page.getByRole('tab', { name: 'Files' }).tap()
  const worker = await s.worker(id)
  await worker.write(...s.turn(1, 'I look at **the test**.'), s.checkpoint(1))
  const files = page.getByRole('region', { name: 'Files' })
  const path = page.getByRole('navigation', { name: 'Where in the repository' })
  const entry = (name: string) => files.getByRole('button', { name })
  await entry('README.md').waitFor()
  await files.getByText('as of').waitFor()
  assert.equal(await entry('docs').isDisabled(), true)
  await looksGood(page, 'phone files')

  await entry('src').tap()
  await entry('sum.ts').waitFor()
  await looksGood(page, 'phone files folder')
  await entry('sum.ts').tap()
  await files.getByText('return a + b').waitFor()
  await files.getByText('3 lines').waitFor()
  await looksGood(page, 'phone files text')
  await path.getByRole('button', { name: 'src' }).tap()
  await entry('a-name-that').tap()
  await files.getByText('The file is empty.').waitFor()
  await looksGood(page, 'phone files long name')
  await path.getByRole('button', { name: 'src' }).tap()
  await entry('sum.test.ts').tap()
  await files.getByText(/The beginning of .*; the rest is too large/).waitFor()
  await looksGood(page, 'phone files too large')

  await path.getByRole('button', { name: 'All files' }).tap()
  await entry('logo.png').tap()
  await files.getByRole('heading', { name: 'Not text' }).waitFor()
  await looksGood(page, 'phone files binary')
  await path.getByRole('button', { name: 'All files' }).tap()
  await entry('latest').tap()
  await files.getByText('It is not followed').waitFor()
  assert.equal(await page.locator('.task-files img, .task-files iframe, .task-files a').count(), 0)
  assert.deepEqual(faults, [])
})
