import { simulate } from './simulate.ts'
const [from, to, verbose] = process.argv.slice(2).map(Number)
let t = performance.now()
for (let s = from!; s < to!; s++) {
  const o = await simulate(s)
  if (o.failures.length || verbose) { console.log('seed', s, o.failures, o.convergedMs, o.events, o.marks); if (verbose) console.log(o.trace.join('\n')) }
}
console.log('seeds/s', (to!-from!)*1000/(performance.now()-t))
