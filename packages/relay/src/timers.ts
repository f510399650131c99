/** Timers as a parameter: `after(ms, task)` returns what cancels it. */
export type After = (ms: number, task: () => void) => () => void

/** Timers of the system; a waiting one does not keep the process alive. */
export const systemAfter: After = (ms, task) => {
  const timer = setTimeout(task, ms)
  if (typeof timer === 'object') timer.unref()
  return () => clearTimeout(timer)
}
