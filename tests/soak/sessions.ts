/** Sessions of a desktop that loses its power answer from the laptop and come home, again and again (MV1). */
import { type SceneResult, SessionsMesh, sessionsScene } from '../network/sessions-mesh.ts'
import { closing } from './closing.ts'
import type { Soak } from './main.ts'

const fullCount = 50
/** The same machines and sessions see so many, before others are made. */
const morningsPerMesh = 5

export const soak: Soak = async ({ count = fullCount, say }) => {
  let [done, answers] = [0, 0]
  while (done < count) {
    const mornings = Math.min(morningsPerMesh, count - done)
    const each = ({ answers: asked, wrong, doubleHolders }: SceneResult) => {
      done++
      say(`${done} of ${count}: ${answers + asked} answers, ${wrong.length} wrong, ${doubleHolders} double holders`)
    }
    const result = await closing(async cleanup => sessionsScene(await SessionsMesh.open(cleanup), mornings, each))
    answers += result.answers
    if (result.wrong.length > 0) throw new Error(result.wrong.join('\n'))
    if (result.doubleHolders > 0) throw new Error(`${result.doubleHolders} double holders`)
  }
  return { repetitions: count, answers, wrong: 0, doubleHolders: 0 }
}
