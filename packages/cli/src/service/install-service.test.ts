import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'

const main = join(import.meta.dirname, '../main.ts')

/** A home of its own, where `systemctl` only writes down what it was asked. */
async function homeOf(t: TestContext) {
  const home = await mkdtemp(join(tmpdir(), 'meshbook-home-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  const bin = join(home, 'bin')
  await mkdir(bin)
  await writeFile(join(bin, 'systemctl'), `#!/bin/sh\necho "$@" >> '${home}/asked'\n`)
  await chmod(join(bin, 'systemctl'), 0o755)
  const env = {
    ...process.env,
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    PATH: `${bin}:${process.env.PATH}`,
    MESHBOOK_KEYCHAIN: 'off',
  }
  const run = (...args: string[]) =>
    new Promise<{ code: number | null; out: string }>(resolve => {
      const words = ['--disable-warning=ExperimentalWarning', main, ...args, '--json', '--data', join(home, 'data')]
      const child = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'inherit'] })
      let out = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
      child.once('close', code => resolve({ code, out }))
    })
  const asked = async () => (await readFile(join(home, 'asked'), 'utf8')).trim().split('\n')
  return { home, run, asked }
}

test('UP4 what --install was given is remembered for the service, and --uninstall leaves nothing of it', async t => {
  const { home, run, asked } = await homeOf(t)
  const unit = join(home, '.config/systemd/user/meshbook.service')
  const installed = await run('up', '--install', '--projects', 'all', '--port', '3999', '--name', 'Studio')
  assert.deepEqual([installed.code, JSON.parse(installed.out).file], [0, unit])
  const text = await readFile(unit, 'utf8')
  assert.match(text, new RegExp(`"up" "--data" "${join(home, 'data')}"`))
  assert.doesNotMatch(text, /token|mb_/i)
  assert.deepEqual(JSON.parse(await readFile(join(home, 'data/up.json'), 'utf8')), {
    name: 'Studio',
    keychain: 'off',
    port: 3999,
  })
  assert.equal(JSON.parse(await readFile(join(home, 'data/device/projects.json'), 'utf8')).policy, 'all')
  assert.deepEqual(await asked(), [
    '--user daemon-reload',
    '--user enable meshbook.service',
    '--user restart meshbook.service',
  ])
  assert.equal((await run('up', '--uninstall')).code, 0)
  assert.deepEqual(await readdir(join(home, '.config/systemd/user')), [])
  assert.ok((await asked()).includes('--user disable --now meshbook.service'))
  assert.ok((await readdir(join(home, 'data/device'))).includes('device.json'), 'its keys stay')
  assert.equal((await run('up', '--uninstall')).code, 1)
})
