import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseDiff } from './parse-diff.ts'

const diff = `diff --git a/src/sum.ts b/src/sum.ts
index 1..2 100644
--- a/src/sum.ts
+++ b/src/sum.ts
@@ -1,3 +1,3 @@ function sum
 one
--- minus
+++ plus
 three
\\ No newline at end of file
diff --git a/old.txt b/new.txt
similarity index 90%
rename from old.txt
rename to new.txt
diff --git a/pic.png b/pic.png
new file mode 100644
Binary files /dev/null and b/pic.png differ
`

test('TP4 lines have their numbers, and what looks like a heading inside of a part is a line', () => {
  const [sum, renamed, picture] = parseDiff(diff)
  assert.deepEqual(
    sum!.lines.map(({ kind, old, new: now, text }) => [kind, old, now, text]),
    [
      ['part', undefined, undefined, 'function sum'],
      ['same', 1, 1, 'one'],
      ['removed', 2, undefined, '-- minus'],
      ['added', undefined, 2, '++ plus'],
      ['same', 3, 3, 'three'],
      ['note', undefined, undefined, 'No newline at end of file'],
    ],
  )
  assert.deepEqual([renamed!.path, picture!.path], ['new.txt', 'pic.png'])
  assert.match(picture!.lines.at(-1)!.text, /^Binary/)
})

test('TP4 whatever stands in files, as many lines are found as were changed', () => {
  const line = fc.constantFrom('', ' ', '+', '-x', '@@ -1 +1 @@', 'diff --git a/x b/x', '\\ no', 'plain')
  const lines = fc.array(line, { minLength: 1, maxLength: 10 })
  fc.assert(
    fc.property(fc.array(fc.tuple(lines, lines), { minLength: 1, maxLength: 4 }), files => {
      const text = files
        .map(([before, after], n) => {
          const part = [...before.map(one => `-${one}`), ...after.map(one => `+${one}`)].join('\n')
          return `diff --git a/${n} b/${n}\n--- a/${n}\n+++ b/${n}\n@@ -1,${before.length} +1,${after.length} @@\n${part}\n`
        })
        .join('')
      const parsed = parseDiff(text)
      assert.deepEqual(
        parsed.map(({ path, lines }) => [
          path,
          lines.filter(({ kind }) => kind === 'removed').map(one => one.text),
          lines.filter(({ kind }) => kind === 'added').map(one => one.text),
        ]),
        files.map(([before, after], n) => [String(n), before, after]),
      )
    }),
  )
})
