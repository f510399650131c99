/** A request that a kernel does not carry out, with the code that the host is told. */
export class Refusal extends Error {
  readonly code: string
  constructor(code: string, detail: string) {
    super(detail)
    this.code = code
  }
}

export function busy(): Refusal {
  return new Refusal('BUSY', 'a run is in progress')
}
