/** Which of the processor's features a program may use, so that an image goes on only where all of them are. Pure but for reading. */
import { readFile } from 'node:fs/promises'
import { limits } from '@meshbook/core/limits.ts'

/** Of x86, what instructions there are and how large their registers are; the rest says how a machine is run. */
const instructions =
  /^(mmx|mmxext|fxsr|fxsr_opt|sse\w*|ssse3|pni|cx8|cx16|cmov|fpu|avx\w*|fma|fma4|f16c|xop|tbm|aes|vaes|pclmulqdq|vpclmulqdq|sha_ni|sha512|sm3|sm4|gfni|bmi[12]|abm|adx|popcnt|movbe|lahf_lm|rdrand|rdseed|rdtscp|rdpid|fsgsbase|erms|fsrm|fzrm|clflush|clflushopt|clwb|clzero|cldemote|prefetchwt1|3dnow\w*|xsave\w*|xgetbv1|pku|ospke|amx_\w+|movdiri|movdir64b|serialize|tsxldtrk|rtm|hle|waitpkg|enqcmd|user_shstk|mwaitx|lwp|cmpccxadd|lam)$/

export function featuresOf(cpuinfo: string): string[] {
  const line = /^(flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo)
  if (!line) return []
  const all = line[2]!.trim().split(/\s+/)
  const used = line[1] === 'flags' ? all.filter(name => instructions.test(name)) : all
  return [...new Set(used)].sort().slice(0, limits.snapshotCpuFeatures)
}

export async function cpuFeatures(): Promise<string[]> {
  return featuresOf(await readFile('/proc/cpuinfo', 'latin1'))
}

/** Those that are wanted and not here. */
export function missingFeatures(wanted: readonly string[], here: readonly string[]): string[] {
  const there = new Set(here)
  return wanted.filter(name => !there.has(name))
}
