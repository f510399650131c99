/** What every implementation of Neighbours must do. */
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import { RedisNeighbours } from '@meshbook/hub/documents/redis-neighbours.ts'
import { NeighbourExchange, type Neighbours, type News } from '@meshbook/relay/neighbours.ts'
import type { DocumentKey } from '@meshbook/relay/relay.ts'
import { eventually } from '../mesh-process.ts'
import { TestRedis } from '../redis.ts'

const newKey = (): DocumentKey => ({ org: newId('org', 1, systemRandom), document: newId('document', 1, systemRandom) })
const position = (at: number): News => ({ type: 'position', epoch: 1, position: at })

function listen(neighbours: Neighbours, key: DocumentKey) {
  const heard: { news: News; from: string }[] = []
  const leave = neighbours.join(key, (news, from) => heard.push({ news, from }))
  return { heard, leave, positions: () => heard.flatMap(({ news }) => ('position' in news ? [news.position] : [])) }
}

/** News is only a hint while connections are made: it is told until the other side hears it. */
async function reach(from: Neighbours, key: DocumentKey, heard: () => number[]): Promise<void> {
  await eventually('news arrives', () => {
    from.tell(key, position(0))
    return heard().includes(0)
  })
}

function neighboursContract(name: string, make: (t: TestContext) => () => Neighbours): void {
  test(`${name}: news of a document reaches the others who joined it, and not who told it`, async t => {
    const connect = make(t)
    const [a, b, c] = [connect(), connect(), connect()]
    const [key, other] = [newKey(), newKey()]
    const [own, theirs, elsewhere] = [listen(a, key), listen(b, key), listen(c, other)]
    await reach(a, key, theirs.positions)
    await reach(a, other, elsewhere.positions)
    const states = new Uint8Array([1, 2, 255])
    for (const news of [position(7), { type: 'removed' }, { type: 'who' }, { type: 'awareness', states }] as News[])
      a.tell(key, news)
    states.fill(0)
    await eventually('all came', () => theirs.heard.at(-1)?.news.type === 'awareness')
    const last = theirs.heard.slice(-4)
    assert.deepEqual(
      last.map(({ news }) => ('states' in news ? { ...news, states: [...news.states] } : news)),
      [position(7), { type: 'removed' }, { type: 'who' }, { type: 'awareness', states: [1, 2, 255] }],
    )
    assert.equal(new Set(theirs.heard.map(({ from }) => from)).size, 1)
    assert.deepEqual(own.heard, [])
    assert.ok(elsewhere.positions().every(at => at === 0))
  })

  test(`${name}: who left hears nothing more`, async t => {
    const connect = make(t)
    const [a, b, c] = [connect(), connect(), connect()]
    const key = newKey()
    const [gone, stays] = [listen(b, key), listen(c, key)]
    await reach(a, key, gone.positions)
    await reach(a, key, stays.positions)
    gone.leave()
    a.tell(key, position(9))
    await eventually('the other hears it', () => stays.positions().includes(9))
    assert.ok(!gone.positions().includes(9))
  })
}

neighboursContract('relays of one process', () => {
  const exchange = new NeighbourExchange()
  return () => exchange.connect()
})

const redis = await TestRedis.start({ after })
const silent = { info: () => undefined, warn: () => undefined }

function onRedis(t: TestContext, log = silent): Neighbours {
  const neighbours = new RedisNeighbours({ url: redis.url, random: systemRandom, log })
  t.after(() => neighbours.close())
  return neighbours
}

neighboursContract('Redis', t => () => onRedis(t))

test('RL131 Redis away and back: telling never throws, one warning, and news flows again', async t => {
  const said: string[] = []
  const log = { info: (_: object, text: string) => said.push(text), warn: (_: object, text: string) => said.push(text) }
  const [a, b] = [onRedis(t, log as never), onRedis(t)]
  const key = newKey()
  const { positions } = listen(b, key)
  await reach(a, key, positions)
  await redis.stop()
  for (let i = 1; i < 100; i++) a.tell(key, position(i))
  await eventually('it is said', () => said.length > 0)
  await redis.run()
  await eventually('news flows again', () => {
    a.tell(key, position(1_000))
    return positions().includes(1_000)
  })
  await eventually('that is said too', () => said.length === 2)
  assert.match(said.join(', '), /Redis is away.*, Redis is back/)
})
