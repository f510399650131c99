/** Programs of an open notebook that wait for an answer; where each asks may be far from what is on the screen. */
import { useNotebook } from './open-notebook.ts'

export interface Asking {
  run: string
  request: string
  prompt: string
}

export function useAsking(): Asking | undefined {
  const { executions } = useNotebook()
  for (const run of executions.running.value) {
    const request = executions.entry(run).value?.stdinRequest
    if (request) return { run, request: request.id, prompt: request.prompt.trim() }
  }
  return undefined
}
