import assert from 'node:assert/strict'
import { test } from 'node:test'
import { featuresOf, missingFeatures } from './cpu-features.ts'

test('SN20: features are what programs may find and use, of either kind of processor', () => {
  const x86 = 'processor\t: 0\nflags\t\t: fpu sse4_2 avx2 hypervisor constant_tsc avx512f xsavec\nbugs\t\t: x\n'
  assert.deepEqual(featuresOf(x86), ['avx2', 'avx512f', 'fpu', 'sse4_2', 'xsavec'])
  assert.deepEqual(featuresOf('Features\t: fp asimd sve\n'), ['asimd', 'fp', 'sve'])
  assert.deepEqual(featuresOf('nothing'), [])
  assert.deepEqual(missingFeatures(['avx2', 'avx512f'], ['avx2', 'sse4_2']), ['avx512f'])
})
