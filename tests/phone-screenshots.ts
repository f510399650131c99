/**
 * Makes the pictures that the manifest of the phone's app shows before it is installed, from the real app:
 * `node --test tests/phone-screenshots.ts`, after a build.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startTestHub } from '@meshbook/hub/testing/test-hub.ts'
import { linkOf, openPhone, webFolder } from './e2e/phone-scene.ts'

const folder = join(import.meta.dirname, '../packages/web/phone/public/screenshots')
const notebook = `# Tides

How high the water stands at the pier, and what the moon has to do with it.

- measured every ten minutes
- the model runs on the machine with the graphics card

\`\`\`python
model = fit(readings, waves=4)
model.predict(hours=24).max()
\`\`\`

\`\`\`python
compare(model, readings)
\`\`\`
`

test('the pictures of the manifest', async t => {
  const hub = await startTestHub(t, { webFolder })
  const phone = await openPhone(t, await linkOf(hub))
  const { page } = phone
  await mkdir(folder, { recursive: true })
  const take = async (name: string) => writeFile(join(folder, `${name}.png`), await page.screenshot())
  const { items } = await phone.json<{ items: { id: string; name: string }[] }>('GET', '/projects')
  const project = items.find(({ name }) => name === 'demo')!.id
  for (const path of ['Garden.md', 'Accounts 2026.md', 'Reading list.md'])
    await phone.json('POST', '/documents', { project, path, content: `# ${path}\n` })
  await phone.json('POST', '/documents', { project, path: 'Tides.md', content: notebook })
  await phone.open('/m/')
  await page.getByRole('link', { name: /Tides/ }).waitFor()
  await take('notebooks')
  await page.getByRole('link', { name: /Tides/ }).tap()
  await page.getByText('Synced').first().waitFor()
  await page.getByRole('toolbar', { name: 'Notebook' }).waitFor()
  await take('notebook')
  await page.waitForTimeout(2_500)
  await phone.open('/m/search')
  await page.getByRole('searchbox').fill('moon water')
  await page.locator('.match mark').first().waitFor()
  await take('search')
})
