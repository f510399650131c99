/** Our hub with the notebook in it, and its page. */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ApiClient, findHub } from '@meshbook/cli/api-client.ts'
import { dataFolder } from '@meshbook/cli/data-folder.ts'
import type { BrowserContext, Page } from 'playwright-core'
import type { Contender } from './contender.ts'
import type { Content } from './content.ts'

const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')

export async function startOurs(folder: string, content: Content): Promise<Contender> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', main, 'start', '--no-open', '--json', '--port', '0', '--data', folder],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, MESHBOOK_KEYCHAIN: 'off' } },
  )
  const line = await new Promise<string>(resolve => createInterface({ input: child.stdout! }).once('line', resolve))
  const { url, link } = JSON.parse(line) as { url: string; link: string }
  const credentials = await findHub({}, dataFolder(folder), {})
  for (const { asset, png } of content.pictures) await upload(credentials, asset, png)
  await writeFile(join(folder, 'projects/demo/large.md'), content.markdown)
  await untilThere(new ApiClient(credentials), content.markdown.length)
  const address = `${url}/p/demo/large.md`
  return {
    name: 'meshbook',
    editor: '.cell .cm-content',
    async signIn(context: BrowserContext) {
      const page = await context.newPage()
      await page.goto(link)
      await page.waitForURL(to => to.pathname !== '/signin')
      await page.close()
      return await context.storageState()
    },
    open: (page: Page) => page.goto(address, { waitUntil: 'commit' }).then(() => undefined),
    async stream(page: Page) {
      const cell = page.locator('.cell').filter({ hasText: 'flush=True' })
      await cell.getByRole('button', { name: 'Run the cell' }).click()
      await page.getByText('line 10 ').first().waitFor()
    },
    async stopStream(page: Page) {
      await page.keyboard.press('Control+Shift+C')
    },
    close: () => ended(child),
  }
}

async function upload({ hub, token }: { hub: string; token: string }, asset: string, png: Buffer): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' }
  const answer = await fetch(`${hub}/api/v1/assets/${asset}`, { method: 'PUT', headers, body: new Uint8Array(png) })
  if (!answer.ok) throw new Error(`the picture was not taken: ${answer.status} ${await answer.text()}`)
}

async function untilThere(client: ApiClient, length: number): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    try {
      const { id } = await client.documentAt('me/demo/large.md')
      if ((await client.text(`/documents/${id}/content`)).length >= length) return
    } catch {
      // Not there yet.
    }
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error('the notebook did not reach the hub')
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  await exit
}
