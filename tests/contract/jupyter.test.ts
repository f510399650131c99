/** The kernel contract on kernels of Jupyter's. */

import { ipykernel } from './jupyter-python.ts'
import { kernelContract } from './kernel.ts'

for (const language of [ipykernel]) kernelContract(language)
