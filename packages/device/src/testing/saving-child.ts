/**
 * A process that saves sessions again and again until a test kills it: says each record as JSON once it is durable here.
 *
 *     node saving-child.ts FOLDER KEY SESSION
 */
import { createHash } from 'node:crypto'
import { parseFence, parseId } from '@meshbook/core/ids.ts'
import { factsOf, save, sealedPlace } from './sealed-place.ts'

const [folder = '', key = '', session] = process.argv.slice(2)
const place = await sealedPlace({
  folder,
  keys: new Map([[1, Buffer.from(key, 'hex')]]),
  limits: { snapshotsKeptPerSession: 3 },
})
const of = parseId('session', session)
process.stdout.write('begun\n')
for (let n = 0; ; n++) {
  // Some parts are shared with the save before, some are new, as with real sessions.
  const contents = [n >> 2, n >> 1, n].map(seed => createHash('sha512').update(`${seed}`).digest())
  const large = Buffer.alloc(200_000, n % 3)
  const facts = factsOf(of, { fence: parseFence(1), asOf: { at: n, run: null } })
  const record = await save(place, facts, [...contents, large], { n })
  process.stdout.write(`${JSON.stringify(record)}\n`)
}
