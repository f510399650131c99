/** The kernel contract on kernels of Jupyter's. */

import { deno, denoKernelspecs } from './jupyter-deno.ts'
import { ipykernel } from './jupyter-python.ts'
import { irkernel } from './jupyter-r.ts'
import { kernelContract } from './kernel.ts'

const withDeno = { ...deno, env: { JUPYTER_PATH: await denoKernelspecs() } }

for (const language of [ipykernel, irkernel, withDeno]) kernelContract(language)
