/** Sessions of a desktop that loses its power answer from the laptop and come home, again and again (MV1). */
import { SessionsMesh, sessionsScene } from '../network/sessions-mesh.ts'
import { closing } from './closing.ts'
import type { Soak } from './main.ts'

const fullCount = 50

export const soak: Soak = async ({ count = fullCount, say }) => {
  let answers = 0
  for (let time = 1; time <= count; time++) {
    const done = await closing(async cleanup => sessionsScene(await SessionsMesh.open(cleanup)))
    answers += done.answers
    say(
      `${time} of ${count}: ${done.answers} answers, ${done.wrong.length} wrong, ${done.doubleHolders} double holders`,
    )
    if (done.wrong.length > 0) throw new Error(done.wrong.join('\n'))
    if (done.doubleHolders > 0) throw new Error(`${done.doubleHolders} double holders`)
  }
  return { repetitions: count, answers, wrong: 0, doubleHolders: 0 }
}
