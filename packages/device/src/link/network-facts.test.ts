import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type NetworkSources, NetworkWatch, networksOf, parseMetered } from './network-facts.ts'

const routes = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
wlan0	00000000	0101A8C0	0003	0	0	600	00000000	0	0	0
wlan0	0001A8C0	00000000	0001	0	0	600	00FFFFFF	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
`
const neighbours = `IP address       HW type     Flags       HW address            Mask     Device
192.168.1.7      0x1         0x2         02:00:00:00:00:07     *        wlan0
192.168.1.1      0x1         0x2         02:00:00:00:00:01     *        wlan0
`

function sources(tool: () => Promise<string>, files = { routes, neighbours }): NetworkSources & { asked: number } {
  const made = {
    asked: 0,
    read: async (file: string) => (file.endsWith('route') ? files.routes : files.neighbours),
    run: () => {
      made.asked++
      return tool()
    },
  }
  return made
}

test('RT34 a network is the hardware address of its gateway and its subnet; without either there is none', () => {
  assert.deepEqual(networksOf(routes, neighbours), ['02:00:00:00:00:01 0001A8C0/00FFFFFF'])
  assert.deepEqual(networksOf(routes, neighbours.replace('02:00:00:00:00:01', '00:00:00:00:00:00')), [])
  assert.deepEqual(networksOf(routes.replace('0101A8C0', '0201A8C0'), neighbours), [])
  assert.deepEqual(networksOf('', ''), [])
  assert.deepEqual(networksOf('x\n1 2\n', '\n\n'), [])
})

test('RT34 what is told of a network is a hash that another hub would not know', async () => {
  const measure = (hub: string) =>
    new NetworkWatch(
      hub,
      sources(async () => 'u 2\n'),
    ).measure()
  const [one, same, other] = await Promise.all([measure('a'), measure('a'), measure('b')])
  assert.match(one.networks![0]!, /^[0-9a-f]{64}$/)
  assert.deepEqual(one, same)
  assert.notDeepEqual(one.networks, other.networks)
  assert.equal(one.metered, false)
})

test('RT34 metered is what NetworkManager says, also as a guess; what it does not know stays unknown', () => {
  assert.deepEqual(['u 1\n', 'u 2\n', 'u 3\n', 'u 4\n', 'u 0\n', '', 'x'].map(parseMetered), [
    true,
    false,
    true,
    false,
    ...[undefined, undefined, undefined],
  ])
})

test('a program that is not there is asked for once, a bus that is down each time, and neither is an error', async () => {
  const missing = sources(() => Promise.reject(Object.assign(new Error('none'), { code: 'ENOENT' })))
  const down = sources(() => Promise.reject(new Error('no bus')))
  for (const from of [missing, down]) {
    const watch = new NetworkWatch('a', from)
    for (let i = 0; i < 3; i++) assert.equal((await watch.measure()).metered, undefined)
  }
  assert.deepEqual([missing.asked, down.asked], [1, 3])
})
