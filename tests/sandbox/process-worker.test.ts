import { bubblewrap } from './driver-beds.ts'
import { taskWorkerSuite } from './task-worker-suite.ts'

taskWorkerSuite(bubblewrap)
