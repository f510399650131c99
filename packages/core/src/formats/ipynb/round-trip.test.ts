import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nastyText } from '../../../../../tests/arbitrary/nasty-text.ts'
import { notebookFile } from '../../../../../tests/arbitrary/notebook-files.ts'
import { fromIpynb } from './from-ipynb.ts'
import { jupyterLayout, writeJson } from './json-text.ts'
import { toIpynb } from './to-ipynb.ts'

const runs = Number(process.env.MESHBOOK_FORMAT_RUNS ?? 300)

test('FM1 a notebook file, whatever is in it, comes back from Markdown with the same bytes', () => {
  fc.assert(
    fc.property(notebookFile, file => {
      const text = writeJson(file, jupyterLayout)
      const { markdown, assets, exact } = fromIpynb(text)
      assert.ok(markdown.isWellFormed() && !markdown.includes('\0'))
      assert.equal(toIpynb(markdown, { assets }).text, text)
      assert.ok(exact)
    }),
    { numRuns: runs },
  )
})

test('FM3 a Markdown document, whatever is in it, comes back from a notebook file with the same bytes', () => {
  fc.assert(
    fc.property(nastyText, markdown => {
      const { text } = toIpynb(markdown)
      if (!markdown.isWellFormed() || markdown.includes('\0')) return
      const back = fromIpynb(text)
      assert.equal(back.markdown, markdown)
      assert.ok(back.exact)
    }),
    { numRuns: runs },
  )
})
