import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KernelSession } from '@meshbook/device/kernels/port.ts'
import { capture, device, restoreOn, said } from './image-bed.ts'
import type { BedKernel } from './kernel.ts'
import { PartsInMemory } from './parts-in-memory.ts'

interface Language {
  kernel: string | BedKernel
  /** Makes state, and shows it. */
  set: string
  show: string
  shown: string
  /** Changes it; shown then. */
  change: string
  changed: string[]
}

const languages: Language[] = [
  {
    kernel: 'python',
    set: [
      'import os, itertools',
      'block = os.urandom(4 << 20)',
      'import hashlib; begun = hashlib.sha256(block).hexdigest()',
      'count = itertools.count(1); next(count)',
      'notes = open("notes.txt", "a+"); notes.write("one\\n"); notes.flush()',
    ].join('\n'),
    show: 'print(next(count), hashlib.sha256(block).hexdigest() == begun)',
    shown: '2 True\n',
    change: 'block = block + b"x"; begun = hashlib.sha256(block).hexdigest()',
    changed: ['3 True\n', '4 True\n', '5 True\n'],
  },
  {
    kernel: 'python',
    set: [
      'import threading, time, subprocess, itertools',
      'count = itertools.count(1); ticks = 0',
      'def tick():',
      '  global ticks',
      '  while True: ticks += 1; time.sleep(0.01)',
      'threading.Thread(target=tick, daemon=True).start()',
      'cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)',
      'def asked(): cat.stdin.write(b"hi\\n"); cat.stdin.flush(); return cat.stdout.readline().decode().strip()',
      'def lives():',
      '  before = ticks; time.sleep(0.3); return ticks > before',
    ].join('\n'),
    show: 'print(next(count), asked(), lives())',
    shown: '1 hi True\n',
    change: 'more = 1',
    changed: ['2 hi True\n', '3 hi True\n', '4 hi True\n'],
  },
  {
    kernel: 'javascript',
    set: 'const map = new Map([["a", 1]]); function* gen() { for (let i = 1; ; i++) yield i }; const g = gen(); const big = Buffer.alloc(5e6, 7)',
    show: 'console.log(map.get("a"), g.next().value, big.length)',
    shown: '1 1 5000000\n',
    change: 'map.set("b", 2)',
    changed: ['1 2 5000000\n', '1 3 5000000\n', '1 4 5000000\n'],
  },
  {
    kernel: 'bash',
    set: 'declare -A m=([k]=v); v=v; f() { echo "f $1"; }; n=0; sleep 1000 &',
    show: 'n=$((n+1)); f $(for k in "$v"; do echo $k; done); echo $n $(jobs -r | wc -l)',
    shown: 'f v\n1 1\n',
    change: 'm[x]=y',
    changed: ['f v\n2 1\n', 'f v\n3 1\n', 'f v\n4 1\n'],
  },
  {
    kernel: 'r',
    set: 'd <- data.frame(x = 1:10); con <- textConnection("a"); n <- 0; f <- lm(x ~ I(1:10), d)',
    show: 'n <- n + 1; cat(n, sum(d$x), length(coef(f)), "\\n")',
    shown: '1 55 2 \n',
    change: 'd$y <- 2',
    changed: ['2 55 2 \n', '3 55 2 \n', '4 55 2 \n'],
  },
  {
    kernel: { language: 'python', kernelspec: 'python3' },
    set: 'import itertools; count = itertools.count(1); l = [1, 2]',
    show: 'print(next(count), len(l))',
    shown: '1 2\n',
    change: 'm = 1',
    changed: ['2 2\n', '3 2\n', '4 2\n'],
  },
]

for (const [index, { kernel, set, show, shown, change, changed }] of languages.entries()) {
  const name = typeof kernel === 'string' ? kernel : `${kernel.language} (${kernel.kernelspec})`
  test(`SN27: ${name}${index === 1 ? ' with threads and children' : ''} goes A, B, A, B with its state`, async t => {
    const [a, b] = [await device(t, kernel), await device(t, kernel)]
    const parts = new PartsInMemory()
    let session: KernelSession = await a.sessions.start(a.spec)
    try {
      await said(session, set)
      assert.equal(await said(session, show), shown)
      for (const [number, expected] of changed.entries()) {
        await said(session, change)
        const from = number % 2 === 0 ? a : b
        const saved = await capture(from, session, parts)
        t.diagnostic(
          `pause ${saved.pauseMs.toFixed(1)} ms, ${parts.addedBytes} bytes, ${saved.inside.processes} processes`,
        )
        parts.addedBytes = 0
        await session.shutdown()
        session = await restoreOn(from === a ? b : a, saved, parts)
        assert.equal(await said(session, show), expected)
      }
    } finally {
      await session.shutdown()
    }
  })
}
