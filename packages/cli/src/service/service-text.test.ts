import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { serviceOf } from './install-service.ts'
import { launchdPlist, systemdUnit, windowsTask } from './service-text.ts'

const service = {
  node: '/opt/node/bin/node',
  script: '/opt/mesh/main.ts',
  data: '/data/a b & "c" 100% $HOME',
  log: '/data/service.log',
}

test('UP4 the systemd unit starts `up`, again after a crash, and not after it was shut out', () => {
  assert.equal(
    systemdUnit(service),
    `[Unit]
Description=Meshbook: this machine as one of your devices
After=network-online.target

[Service]
Type=exec
ExecStart="/opt/node/bin/node" "/opt/mesh/main.ts" "up" "--data" "/data/a b & \\"c\\" 100%% $$HOME"
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2 3
KillMode=mixed
TimeoutStopSec=30
NoNewPrivileges=yes

[Install]
WantedBy=default.target
`,
  )
})

const verify = (file: string, folder: string) =>
  promisify(execFile)('systemd-analyze', ['verify', '--user', '--man=no', file], {
    env: { ...process.env, XDG_RUNTIME_DIR: folder },
  })

test('UP4 systemd itself finds nothing wrong with the unit', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'meshbook-unit-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'meshbook.service')
  const data = { root: join(folder, 'a b'), device: '', projects: '', control: '' }
  await writeFile(file, systemdUnit(serviceOf(data)))
  const { stderr } = await verify(file, folder)
  assert.ok(!stderr.includes('meshbook.service'), stderr)
  await writeFile(file, systemdUnit({ ...service, node: '/nowhere/node' }).replace('Type=exec', 'Typ=exec'))
  const broken = await verify(file, folder).catch((error: { stderr: string }) => error)
  assert.match(broken.stderr, /meshbook\.service/)
})

test('UP4 the launchd property list runs at login and again after a failure alone', () => {
  const plist = launchdPlist(service)
  assert.match(plist, /<string>\/data\/a b &amp; &quot;c&quot; 100% \$HOME<\/string>/)
  assert.match(plist, /<key>RunAtLoad<\/key>\n {2}<true\/>/)
  assert.match(plist, /<key>SuccessfulExit<\/key>\n {4}<false\/>/)
  assert.equal(plist.match(/<(dict|array|plist)[ >]/g)?.length, plist.match(/<\/(dict|array|plist)>/g)?.length)
})

test('UP4 the Windows task runs as its user, without more rights and without an end', () => {
  const task = windowsTask({ ...service, data: 'C:\\Users\\you\\mesh' }, 'PC\\you & me')
  assert.match(task, /<UserId>PC\\you &amp; me<\/UserId>/)
  assert.match(task, /<RunLevel>LeastPrivilege<\/RunLevel>/)
  assert.match(task, /<ExecutionTimeLimit>PT0S<\/ExecutionTimeLimit>/)
  assert.match(task, /<Arguments>&quot;\/opt\/mesh\/main\.ts&quot; &quot;up&quot; &quot;--data&quot;/)
})

test('the command of the service is this checkout’s own', async () => {
  const { script, data } = serviceOf({ root: '/data', device: '', projects: '', control: '' })
  assert.match(await readFile(script, 'utf8'), /The entry of the `meshbook` command/)
  assert.equal(data, '/data')
})
