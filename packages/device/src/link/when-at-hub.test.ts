import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { newId, systemRandom } from '@meshbook/core/ids.ts'
import type { UpMessage } from '@meshbook/core/messages.ts'
import { openLocalPeer } from '@meshbook/relay/local-peer.ts'
import { type Connection, Relay } from '@meshbook/relay/relay.ts'
import { MemoryDocumentStore } from '@meshbook/relay/store/memory-document-store.ts'
import { Problems } from '../problems.ts'
import { until } from '../testing/until.ts'
import type { Channel } from './channel.ts'
import { Streams } from './streams.ts'

const [org, project, document] = [
  newId('org', 0, systemRandom),
  newId('project', 0, systemRandom),
  newId('document', 0, systemRandom),
]

function relayOf(t: TestContext): Relay {
  const relay = new Relay({ store: new MemoryDocumentStore(), now: Date.now, random: systemRandom })
  t.after(() => relay.close())
  return relay
}

/** A channel to a hub that holds back what it is sent while it is slow. */
function slowChannel(t: TestContext, hub: Relay, streams: Streams) {
  const wire = { isSlow: false }
  const held: (() => void)[] = []
  let connection: Connection | undefined
  t.after(() => connection?.close())
  const pass = (act: () => void): void => {
    if (wire.isSlow) held.push(act)
    else act()
  }
  const channel = {
    backlogOf: () => 0,
    pause: () => undefined,
    resume: () => undefined,
    send(message: UpMessage) {
      if (message.type !== 'OPEN') return true
      connection = hub.open(
        { org, document },
        {
          name: 'device',
          access: 'write',
          canRun: true,
          extensions: true,
          backlogBytes: 0,
          send: frame => setImmediate(() => streams.receive(message.stream, frame)),
          close: () => undefined,
        },
      )
      return true
    },
    sendSync: (_: number, bytes: Uint8Array) => pass(() => connection?.receive(bytes)),
  }
  const release = (): void => {
    wire.isSlow = false
    for (const act of held.splice(0)) act()
  }
  return { channel: channel as unknown as Channel, wire, release }
}

async function joined(t: TestContext) {
  const [relay, hub] = [relayOf(t), relayOf(t)]
  const streams = new Streams(relay, org, new Problems(() => undefined))
  const nothing = {
    synced: () => undefined,
    changed: () => undefined,
    delivered: () => undefined,
    replaced: async () => undefined,
  }
  const slow = slowChannel(t, hub, streams)
  streams.open(project, document, nothing)
  streams.up(slow.channel)
  const peer = openLocalPeer(relay, { org, document }, { name: 'device' })
  t.after(() => peer.close())
  await peer.ready
  await until('the hub is in step', () => streams.settledAt(document) !== undefined)
  return { ...slow, streams, peer }
}

test('LAN23 what has to wait for the hub waits until the hub has all of the document, and no longer', async t => {
  const { streams, peer, wire, release } = await joined(t)
  let acted = 0
  const act = (): void => void acted++
  streams.whenAtHub(document, act)
  assert.equal(acted, 1, 'at once where the hub has everything')
  streams.whenAtHub(newId('document', 0, systemRandom), act)
  assert.equal(acted, 2, 'and where nothing is joined')
  wire.isSlow = true
  peer.doc.getText('content').insert(0, 'a request')
  await peer.durable()
  streams.whenAtHub(document, act)
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.equal(acted, 2, 'the hub does not have it')
  release()
  await until('the hub has it', () => acted === 3)
})

test('LAN23 what waits for a hub that goes out of reach is dropped: the next connection asks anew', async t => {
  const { streams, peer, wire, channel, release } = await joined(t)
  wire.isSlow = true
  peer.doc.getText('content').insert(0, 'a request')
  await peer.durable()
  let acted = 0
  streams.whenAtHub(document, () => void acted++)
  streams.down()
  release()
  streams.up(channel)
  await until('the hub is in step again', () => streams.settledAt(document) !== undefined)
  assert.equal(acted, 0)
})
