/** Pictures of a notebook in a real browser: the box before they come, what is said when they do not, and no jump of the page. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { openBrowser, openDocument, signIn } from '../browser.ts'
import { startMesh, temporaryFolder } from '../mesh-process.ts'

/** A plain picture of this size. */
function png(width: number, height: number): Buffer {
  const crcTable = Array.from({ length: 256 }, (_, n) => {
    let c = n
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
    return c >>> 0
  })
  const crc = (bytes: Buffer) => ~bytes.reduce((c, byte) => crcTable[(c ^ byte) & 255]! ^ (c >>> 8), 0xffffffff) >>> 0
  const chunk = (type: string, data: Buffer) => {
    const named = Buffer.concat([Buffer.from(type), data])
    const out = Buffer.alloc(named.length + 8)
    out.writeUInt32BE(data.length)
    named.copy(out, 4)
    out.writeUInt32BE(crc(named), named.length + 4)
    return out
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width)
  head.writeUInt32BE(height, 4)
  head.set([8, 2], 8)
  const rows = deflateSync(Buffer.alloc((width * 3 + 1) * height, 120))
  const signature = Buffer.from('89504e470d0a1a0a', 'hex')
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))])
}

for (const dark of [false, true])
  test(`a picture has its box before it comes, says why it does not, and comes by "Try again" (${dark ? 'dark' : 'light'})`, async t => {
    const data = await temporaryFolder(t)
    const mesh = await startMesh(t, data)
    const picture = png(400, 200)
    const id = `sha256-${createHash('sha256').update(picture).digest('hex')}`
    const output = ['```python', 'plot()', '```', '', '```output:run-1', 'a picture', '```', '', `![Plot](asset:${id})`]
    const text = ['# Pictures', '', ...output, '', 'What stands below.', '']
    await writeFile(join(data, 'projects/demo/pictures.md'), text.join('\n'))
    const { page } = await openBrowser(t, { dark })
    await signIn(page, mesh)
    const { promise: slow, resolve: go } = Promise.withResolvers<void>()
    let answers: 'slow' | 'missing' | 'there' = 'slow'
    await page.route(`**/assets/${id}`, async route => {
      if (answers === 'slow') await slow
      if (answers === 'there') await route.fulfill({ body: picture, contentType: 'image/png' })
      else await route.fulfill({ status: 404 })
    })
    const shot = async (name: string) => {
      if (process.env.MESHBOOK_SHOTS)
        await page.screenshot({ path: join(process.env.MESHBOOK_SHOTS, `${name}-${dark ? 'dark' : 'light'}.png`) })
    }
    await openDocument(page, mesh, 'pictures.md')
    const figure = page.locator('.output-image')
    const heightOf = async () => Math.round((await figure.boundingBox())!.height)
    await page.locator('.output-image[data-shown="loading"]').waitFor()
    const loading = await heightOf()
    assert.ok(loading > 150, `${loading}`)
    await shot('loading')

    answers = 'missing'
    go()
    await page.getByText('could not be loaded').waitFor()
    assert.ok(Math.abs((await heightOf()) - loading) <= 2, 'the page jumps when a picture fails')
    await shot('failed')

    await page.context().setOffline(true)
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByText('You are offline').waitFor()
    await shot('offline')
    answers = 'there'
    await page.context().setOffline(false)
    await page.locator('.output-image[data-shown="there"]').waitFor()
    const there = await heightOf()
    await shot('there')

    answers = 'missing'
    await page.reload()
    await page.getByText('could not be loaded').waitFor()
    assert.ok(Math.abs((await heightOf()) - there) <= 2, 'a picture whose size is known has another box')
    assert.equal(await page.locator('.output-image img').count(), 0)
  })
