/** What Prometheus sees. One registry for each hub, so that two hubs in one process do not mix. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export class Metrics {
  readonly registry = new Registry()
  readonly #registers = [this.registry]
  readonly requests = new Counter({
    name: 'meshbook_http_requests_total',
    help: 'Answered HTTP requests',
    labelNames: ['method', 'route', 'status'],
    registers: this.#registers,
  })
  readonly requestSeconds = new Histogram({
    name: 'meshbook_http_request_seconds',
    help: 'Time to the head of the answer',
    labelNames: ['method', 'route'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: this.#registers,
  })
  readonly sockets = new Gauge({
    name: 'meshbook_sockets',
    help: 'Open WebSockets',
    labelNames: ['kind'],
    registers: this.#registers,
  })
  readonly devices = new Gauge({
    name: 'meshbook_devices_connected',
    help: 'Devices with an open channel',
    registers: this.#registers,
  })
  readonly directConnections = new Gauge({
    name: 'meshbook_direct_connections',
    help: 'Pairs of devices that are connected on a network of their own',
    registers: this.#registers,
  })
  readonly runEvents = new Counter({
    name: 'meshbook_run_events_total',
    help: 'Run events made durable',
    registers: this.#registers,
  })
  readonly runsEnded = new Counter({
    name: 'meshbook_runs_ended_total',
    help: 'Runs that ended',
    labelNames: ['status'],
    registers: this.#registers,
  })
  readonly storageOk = new Gauge({
    name: 'meshbook_storage_ok',
    help: '1 while the disk accepts writes',
    registers: this.#registers,
  })

  constructor() {
    collectDefaultMetrics({ register: this.registry })
    this.storageOk.set(1)
  }
}
