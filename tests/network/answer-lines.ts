/** The other end of a `JsonChild`: each request is answered when it is done, in whatever order. */
import { createInterface } from 'node:readline'

export function answerLines<T>(handle: (request: T) => unknown): void {
  createInterface({ input: process.stdin })
    .on('line', line => {
      const request = JSON.parse(line) as T & { id: number }
      const say = (answer: object): void =>
        void process.stdout.write(`${JSON.stringify({ id: request.id, ...answer })}\n`)
      Promise.resolve()
        .then(() => handle(request))
        .then(
          answer => say({ answer: answer ?? null }),
          (thrown: unknown) =>
            say({ error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) }),
        )
    })
    .on('close', () => process.exit())
}
