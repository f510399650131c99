import * as encoding from 'lib0/encoding'
import { inspectUpdate } from './update-facts.ts'
const after = (e: encoding.Encoder, c: number, k: number) => { encoding.writeUint8(e, 132); encoding.writeVarUint(e, c); encoding.writeVarUint(e, k); encoding.writeVarString(e, 'x') }
for (const links of [1000, 2000, 2000, 4000, 8000, 16000, 32000, 40000, 64000, 128000]) {
  const e = encoding.createEncoder()
  encoding.writeVarUint(e, 2)
  for (const n of [links, 1, 0]) encoding.writeVarUint(e, n)
  for (let i = 0; i < links; i++) after(e, 2, i)
  for (const n of [links + 1, 2, 0]) encoding.writeVarUint(e, n)
  encoding.writeUint8(e, 0); encoding.writeVarUint(e, 1)
  for (let i = 0; i < links; i++) after(e, 1, i)
  encoding.writeVarUint(e, 0)
  const u = encoding.toUint8Array(e)
  const c0 = process.cpuUsage(); const s = performance.now()
  const v = inspectUpdate(u, new Map())
  const c = process.cpuUsage(c0)
  console.log(links, v.type, (performance.now() - s).toFixed(1), ((c.user + c.system) / 1000).toFixed(1))
}
