/** The kernel contract on kernels of Jupyter's. */

import { ipykernel } from './jupyter-python.ts'
import { irkernel } from './jupyter-r.ts'
import { kernelContract } from './kernel.ts'

for (const language of [ipykernel, irkernel]) kernelContract(language)
