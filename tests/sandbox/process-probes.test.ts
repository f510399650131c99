import { bubblewrap } from './driver-beds.ts'
import { probeSuite } from './probe-suite.ts'

probeSuite(bubblewrap)
