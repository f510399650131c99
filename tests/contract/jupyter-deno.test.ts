/** The kernel contract on deno's kernel. */
import { deno, denoKernelspecs } from './jupyter-deno.ts'
import { kernelContract } from './kernel.ts'

kernelContract({ ...deno, env: { JUPYTER_PATH: await denoKernelspecs() } })
