/** What is wrong with the file of a workflow. */
export type Path = readonly (string | number)[]

/** Before it is known where in the text it is. */
export interface Fault {
  path: Path
  what: string
  todo: string
  /** The key is wrong, and not what stands behind it. */
  ofKey?: boolean
  /** How far into the text of the value, in characters. */
  at?: number
}

export interface Problem {
  line: number
  column: number
  path: string
  what: string
  todo: string
}
