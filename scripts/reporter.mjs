// A reporter for node --test: names each failure with its error, records skipped tests, the files that failed and how
// long each file took, prints the closing counts.
import { appendFileSync } from 'node:fs'

export default async function* report(source) {
  const counts = { tests: 0, pass: 0, fail: 0, skipped: 0 }
  const failures = []
  for await (const event of source) {
    const { type, data } = event
    if (type === 'test:summary' && data.file && process.env.MESHBOOK_TIMES_FILE)
      appendFileSync(process.env.MESHBOOK_TIMES_FILE, `${Math.round(data.duration_ms)} ${data.file}\n`)
    if (type !== 'test:pass' && type !== 'test:fail') continue
    if (data.details?.type === 'suite') continue
    counts.tests++
    if (data.skip !== undefined) {
      counts.skipped++
      const reason = typeof data.skip === 'string' ? data.skip : ''
      if (process.env.MESHBOOK_SKIP_FILE)
        appendFileSync(process.env.MESHBOOK_SKIP_FILE, `${JSON.stringify({ name: data.name, reason })}\n`)
    } else if (type === 'test:pass') counts.pass++
    else {
      counts.fail++
      if (process.env.MESHBOOK_FAILED_FILE && data.file)
        appendFileSync(
          process.env.MESHBOOK_FAILED_FILE,
          `${isFound(data.details.error) ? 'found' : 'failed'} ${data.file}\n`,
        )
      failures.push(`✖ ${data.name} (${data.file ?? ''})\n${indent(describe(data.details.error))}\n`)
    }
  }
  for (const failure of failures) yield `\n${failure}`
  yield `\n# tests ${counts.tests}\n# pass ${counts.pass}\n# fail ${counts.fail}\n# skipped ${counts.skipped}\n`
}

/** What random inputs found is a fault, also if the next ones do not find it. */
function isFound(error) {
  return /Property failed after \d+ tests/.test(describe(error))
}

function describe(error) {
  const cause = error?.cause ?? error
  return String(cause?.stack ?? cause?.message ?? cause)
}

function indent(text) {
  return text
    .split('\n')
    .map(line => `    ${line}`)
    .join('\n')
}
