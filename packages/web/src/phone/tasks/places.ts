/** Where tasks are on the phone. */
import type { TaskPlaces } from '../../tasks/task-places.ts'
import { runAt } from '../page-at.ts'
import { go, taskAt } from '../place.ts'

export const places: TaskPlaces = { list: '/m/tasks', fresh: '/m/tasks/new', one: taskAt, run: runAt, go }
