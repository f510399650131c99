/** The kernel contract on a runtime that is reached by MRP. */
import { dialects, MrpServer } from '../mrp-server.ts'
import { type KernelLanguage, kernelContract } from './kernel.ts'
import { python } from './kernel-languages.ts'

const mrp: KernelLanguage = {
  ...python,
  language: 'mrp',
  prepare: async (t, project) => ({ runtimeUrls: { mrp: (await MrpServer.start(t, dialects.plain, project)).url } }),
  fail: { ...python.fail, traceback: /", line 2, in f\n\s+return 1 \/ 0/ },
  ignoreInterrupt: { none: 'a runtime is not ours to end: the code goes on there, and the next cell waits for it' },
  daemon: { none: 'what the code starts belongs to the runtime' },
}

kernelContract(mrp)
