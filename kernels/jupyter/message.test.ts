import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { BadMessage, MessageCodec } from './message.ts'

const key = 'secret'
const codec = new MessageCodec(key, () => '2026-01-01T00:00:00Z')
const delimiter = Buffer.from('<IDS|MSG>')

/** Frames with a right signature, whatever is in them. */
function signed(...parts: string[]): Buffer[] {
  const hmac = createHmac('sha256', key)
  for (const part of parts) hmac.update(part)
  return [delimiter, Buffer.from(hmac.digest('hex')), ...parts.map(part => Buffer.from(part))]
}

const faultOf = (frames: Buffer[]) => {
  try {
    codec.decode(frames)
    return 'none'
  } catch (error) {
    assert.ok(error instanceof BadMessage)
    return error.fault
  }
}

test('what was encoded is decoded, with the request that it belongs to (JK4)', () => {
  const { id, frames } = codec.encode('stream', { text: 'ü😀\ud800' })
  const { header, content } = codec.decode(frames)
  assert.deepEqual([header.msg_id, header.msg_type, content], [id, 'stream', { text: 'ü😀\ufffd' }])
  const answer = codec.decode(codec.encode('reply', {}, header).frames)
  assert.equal(answer.parent, id)
})

test('identities before the delimiter and buffers after the content are allowed (JK4)', () => {
  const { frames } = codec.encode('stream', { text: 'x' })
  const more = [Buffer.from('topic'), Buffer.from('two'), ...frames, Buffer.alloc(1000)]
  assert.equal(codec.decode(more).header.msg_type, 'stream')
})

test('any change of what was signed is refused (JK4)', () => {
  const { frames } = codec.encode('stream', { text: 'x' })
  for (let frame = 2; frame < frames.length; frame++) {
    const changed = [...frames]
    changed[frame] = Buffer.concat([frames[frame]!, Buffer.from(' ')])
    assert.equal(faultOf(changed), 'bad signature')
  }
  for (const signature of ['', 'x', '0'.repeat(64), '0'.repeat(6400)])
    assert.equal(faultOf([delimiter, Buffer.from(signature), ...frames.slice(2)]), 'bad signature')
  assert.equal(faultOf(new MessageCodec('', () => '').encode('stream', {}).frames), 'bad signature')
})

test('hostile frames are refused one by one, never thrown further (JK4)', () => {
  const none = Buffer.alloc(0)
  assert.equal(faultOf([]), 'no delimiter')
  assert.equal(faultOf([none, none]), 'no delimiter')
  assert.equal(faultOf([...Array(9).fill(none), ...codec.encode('x', {}).frames]), 'no delimiter')
  assert.equal(faultOf([delimiter]), 'frames are missing')
  assert.equal(faultOf([delimiter, none, none, none, none]), 'frames are missing')
  const header = '{"msg_id":"1","msg_type":"x"}'
  for (const parts of [
    ['', '{}', '{}', '{}'],
    ['[]', '{}', '{}', '{}'],
    ['{"msg_id":"","msg_type":"x"}', '{}', '{}', '{}'],
    ['{"msg_id":1,"msg_type":"x"}', '{}', '{}', '{}'],
    [header, '7', '{}', '{}'],
    [header, '{"msg_id":{}}', '{}', '{}'],
    [header, '{}', '{}', 'null'],
    [header, '{}', '{}', '"text"'],
    [header, '{}', '{}', '{'],
  ])
    assert.equal(faultOf(signed(...parts)), 'malformed', parts.join(' '))
  assert.equal(faultOf(signed(header, '{}', '{}', '{}')), 'none')
})
