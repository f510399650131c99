/** What code and notebooks ask of the machine: the table of libraries that want a GPU, and which device has one. */
import { canonicalLanguage } from '../languages.ts'
import type { RouteDevice } from './input.ts'

/** Modules that compute on a GPU where there is one; a dotted name stands for that part of a package alone. */
const gpuLibraries: Readonly<Record<string, readonly string[]>> = {
  python: [
    'accelerate',
    'bitsandbytes',
    'cudf',
    'cugraph',
    'cuml',
    'cupy',
    'deepspeed',
    'diffusers',
    'fastai',
    'flax',
    'jax',
    'keras',
    'lightning',
    'numba.cuda',
    'pycuda',
    'pytorch_lightning',
    'tensorflow',
    'tensorrt',
    'torch',
    'torchaudio',
    'torchvision',
    'triton',
    'vllm',
  ],
  r: ['gpuR', 'keras', 'keras3', 'luz', 'tensorflow', 'torch', 'torchaudio', 'torchvision'],
  julia: ['AMDGPU', 'CUDA', 'CuArrays', 'Flux', 'Knet', 'KernelAbstractions', 'Lux', 'Metal', 'oneAPI'],
}

export function gpuLibrariesOf(language: string): readonly string[] {
  const name = canonicalLanguage(language)
  return Object.hasOwn(gpuLibraries, name) ? gpuLibraries[name]! : []
}

/** The libraries among a cell's imports that want a GPU. */
export function gpuImports(language: string, imports: readonly string[]): string[] {
  return gpuLibrariesOf(language).filter(library =>
    imports.some(name => name === library || name.startsWith(`${library}.`)),
  )
}

export function hasGpu({ metrics }: RouteDevice): boolean {
  return (metrics?.gpus.length ?? 0) > 0
}

const offers = new Map<string, (device: RouteDevice) => boolean>([
  ['gpu', hasGpu],
  ['cuda', hasGpu],
])

/** What `requires` may name. */
export const knownRequirements: readonly string[] = [...offers.keys()]

const keyOf = (name: string): string => name.trim().toLowerCase()

export function unknownRequirements(requires: readonly string[]): string[] {
  return requires.filter(name => !offers.has(keyOf(name)))
}

/** Of a device that is away and was never measured nobody knows; it is not ruled out. */
export function offersAll(device: RouteDevice, requires: readonly string[]): boolean {
  const unknown = device.metrics === null && device.status !== 'online'
  return requires.every(name => {
    const offer = offers.get(keyOf(name))
    return offer !== undefined && (unknown || offer(device))
  })
}
