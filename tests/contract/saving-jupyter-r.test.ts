/** The saving contract on IRkernel. */
import { irkernel } from './jupyter-r.ts'
import { savingContract } from './saving.ts'
import { r } from './saving-r.ts'

savingContract({ ...irkernel, ...r, kernelspec: 'ir' })
