import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { MortalProcess } from '../testing/mortal-disk.ts'
import { place } from '../testing/project-place.ts'

test('DV24 a file that was set aside and that a crash left brings nothing back, however much was written since', async t => {
  const p = await place(t)
  p.limits = { ...p.limits, pastTextBytes: 100 }
  await p.write('a.md', 'first\nlast\n')
  const mortal = new MortalProcess(Number.POSITIVE_INFINITY)
  t.after(() => mortal.bury())
  Object.assign(p, { disk: mortal.disk, after: mortal.after, storing: mortal.storing, hasCrashed: true })
  await p.start()
  p.text('a.md').insert(0, 'typed\n')
  await p.settled('a.md', text => text === 'typed\nfirst\nlast\n')
  p.text('a.md').delete(0, 'typed\nfirst\n'.length)
  await p.settled('a.md', text => text === 'last\n')
  const much = `${'much '.repeat(100)}\n`
  p.text('a.md').insert(0, much)
  await p.settled('a.md', text => text === `${much}last\n`)
  p.text('a.md').delete(0, much.length)
  await p.settled('a.md', text => text === 'last\n')
  mortal.bury()
  assert.ok(readdirSync(p.folder).some(name => name.endsWith('.old')))

  const whole = new MortalProcess(Number.POSITIVE_INFINITY)
  Object.assign(p, { disk: whole.disk, after: whole.after, storing: () => Promise.resolve() })
  t.after(() => p.folderOf?.close())
  await p.start()
  await p.settled('a.md', text => text === 'last\n')
  assert.deepEqual(
    readdirSync(p.folder).filter(name => name.startsWith('.meshbook-')),
    [],
  )
})
