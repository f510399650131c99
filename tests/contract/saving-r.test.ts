/** The saving contract on the R kernel, and what only R has. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { runs, savingBed, savingContract } from './saving.ts'
import { r } from './saving-r.ts'

savingContract(r)

test('r: what IRkernel has saved the built-in kernel goes on with, and the other way round', async t => {
  const it = await savingBed(t, r)
  await runs(it.session, 'shared <- new.env(); shared$n <- 1; f <- function() shared$n')
  const there = await it.restored(await it.capture(), { kernelspec: 'ir' })
  assert.equal(await runs(there, 'shared$n <- 2; cat(f())'), '2')
  const back = await it.restored(await it.capture(there))
  assert.equal(await runs(back, 'cat(f())'), '2')
})

test('r: 100 MB are saved by a copy, and the session does not wait for it', async t => {
  const it = await savingBed(t, r)
  await runs(it.session, 'numbers <- runif(13107200); names_ <- paste("name", 1:300000)')
  const capturing = it.capture()
  await sleep(400)
  assert.equal(await runs(it.session, 'cat(length(numbers))'), '13107200')
  const captured = await capturing
  assert.ok(captured.pauseMs < 200, `${captured.pauseMs} ms`)
  it.parts.addedBytes = 0
  await runs(it.session, 'numbers[77] <- 0')
  await it.capture()
  assert.ok(it.parts.addedBytes < 700_000, `${it.parts.addedBytes} bytes`)
  const there = await it.restored(captured)
  const code = 'cat(sprintf("%.6f", sum(numbers)), names_[300000])'
  await runs(there, 'numbers[77] <- 0')
  assert.equal(await runs(there, code), await runs(it.session, code))
})
