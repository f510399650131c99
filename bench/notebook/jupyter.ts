/** JupyterLab on the same notebook, installed on first use into a cache folder outside the workspace. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import type { Contender } from './contender.ts'
import type { Content } from './content.ts'

const token = 'benchmark'
const packages = ['jupyterlab>=4.4,<5', 'ipykernel']

/** Undefined where Python or the network has none of it. */
export function installJupyter(): string | undefined {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const folder = join(cache, 'meshbook-bench', 'jupyterlab-4')
  const program = join(folder, 'bin/jupyter-lab')
  if (existsSync(program)) return program
  process.stderr.write(`installing ${packages.join(' ')} into ${folder}\n`)
  const stdio: ['ignore', 2, 2] = ['ignore', 2, 2]
  const made = spawnSync('python3', ['-m', 'venv', folder], { stdio, timeout: 120_000 })
  if (made.status !== 0) return undefined
  const got = spawnSync(join(folder, 'bin/pip'), ['install', '-q', ...packages], { stdio, timeout: 600_000 })
  return got.status === 0 ? program : undefined
}

export async function startJupyter(program: string, folder: string, content: Content): Promise<Contender> {
  const root = join(folder, 'jupyter')
  await mkdir(root, { recursive: true })
  await writeFile(join(root, 'large.ipynb'), content.ipynb)
  const port = await freePort()
  const own = {
    JUPYTER_CONFIG_DIR: join(folder, 'config'),
    JUPYTER_DATA_DIR: join(folder, 'data'),
    JUPYTER_RUNTIME_DIR: join(folder, 'runtime'),
  }
  const args = [
    `--port=${port}`,
    '--no-browser',
    '--allow-root',
    `--IdentityProvider.token=${token}`,
    `--ServerApp.root_dir=${root}`,
    '--LabApp.news_url=None',
    '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate',
  ]
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...own } })
  const base = `http://127.0.0.1:${port}`
  await untilAnswers(`${base}/api?token=${token}`)
  return {
    name: 'JupyterLab',
    editor: '.jp-CodeCell .cm-content',
    signIn: async (context: BrowserContext) => {
      const page = await context.newPage()
      await page.goto(`${base}/lab?token=${token}`)
      await page.locator('#jp-main-dock-panel').waitFor({ timeout: 60_000 })
      const state = await context.storageState()
      await page.close()
      return state
    },
    open: (page: Page) =>
      page.goto(`${base}/lab/tree/large.ipynb?token=${token}`, { waitUntil: 'commit' }).then(() => undefined),
    async stream(page: Page) {
      await page.locator('.jp-CodeCell').nth(1).locator('.cm-content').click()
      await page.keyboard.press('Control+Enter')
      await page.getByText('line 10 ').first().waitFor({ timeout: 60_000 })
    },
    async stopStream(page: Page) {
      await page.keyboard.press('Escape')
      await page.keyboard.press('i')
      await page.keyboard.press('i')
    },
    close: async () => {
      const exit = new Promise(resolve => child.once('exit', resolve))
      child.kill('SIGKILL')
      await exit
      await rm(root, { recursive: true, force: true })
    },
  }
}

async function untilAnswers(url: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (
      await fetch(url).then(
        answer => answer.ok,
        () => false,
      )
    )
      return
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error('JupyterLab did not start')
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
