import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { eventually } from '../mesh-process.ts'
import { canNetwork } from './can-network.ts'
import { addressOf, hubAddress, Lab, namespaces, reapOrphans } from './lab.ts'

const options = canNetwork ? {} : { skip: 'no network namespaces here' }
const ping = (lab: Lab, from: Parameters<Lab['run']>[0], port: number, host: string): string => {
  const program = `const s = require('net').connect({host: '${host}', port: ${port}, timeout: 1500});
    s.on('connect', () => { console.log('open'); process.exit() }).on('timeout', () => { console.log('silent'); process.exit() })
    .on('error', e => console.log(e.code))`
  return lab.run(from, process.execPath, '-e', program).trim()
}

test('NW1 machines of a home reach each other and the Internet; nobody outside reaches them', options, t => {
  const lab = Lab.open(t)
  // Nothing listens: a refusal says that the packets go there and back.
  assert.equal(ping(lab, 'desk', 9, addressOf.laptop), 'ECONNREFUSED')
  assert.equal(ping(lab, 'desk', 9, hubAddress), 'ECONNREFUSED')
  assert.equal(ping(lab, 'phone', 9, hubAddress), 'ECONNREFUSED')
  assert.match(ping(lab, 'hub', 9, addressOf.desk), /ENETUNREACH|silent/)
  assert.match(ping(lab, 'phone', 9, addressOf.desk), /EHOSTUNREACH|ENETUNREACH|silent/)
  lab.dropPackets('home', true)
  assert.equal(ping(lab, 'desk', 9, hubAddress), 'silent')
  lab.dropPackets('home', false)
  lab.changeAddress('home')
  assert.equal(ping(lab, 'desk', 9, hubAddress), 'ECONNREFUSED')
})

test(
  'NW3 a lab whose maker was killed is taken down by the next, with its processes; one that is in use stays',
  options,
  async t => {
    const maker = spawn(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
      '-e',
      `const { Lab } = await import(${JSON.stringify(new URL('./lab.ts', import.meta.url).href)})
     const { spawn } = await import('node:child_process')
     const lab = Lab.open({ after() {} })
     const [ip, args] = lab.command('desk', 'sleep', ['1000'])
     console.log(spawn(ip, args).pid)
     setInterval(() => {}, 1000)`,
    ])
    const [said] = (await once(maker.stdout, 'data')) as [Buffer]
    const sleeper = Number(said.toString())
    const own = Lab.open(t)
    const its = () => namespaces().filter(name => name.startsWith(`mbnet-${maker.pid}-`))
    assert.ok(its().length > 0, 'it is in use')
    const gone = once(maker, 'exit')
    maker.kill('SIGKILL')
    await gone
    reapOrphans()
    assert.deepEqual(its(), [])
    await eventually(
      'its process has ended',
      async () => !/\) [^Z] /.test(await readFile(`/proc/${sleeper}/stat`, 'latin1').catch(() => '')),
    )
    assert.equal(ping(own, 'desk', 9, addressOf.laptop), 'ECONNREFUSED')
  },
)
