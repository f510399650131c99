/** What a language writes, for suites that run on more than one adapter of it. */
import type { KernelLanguage } from './kernel.ts'

export const python: KernelLanguage = {
  language: 'python',
  print: text => `print(${JSON.stringify(text)})`,
  setVariable: 'answer = 42',
  printVariable: 'print(answer)',
  fail: {
    code: 'def f():\n    return 1 / 0\nf()',
    name: 'ZeroDivisionError',
    message: /division by zero/,
    traceback: /<demo.*>", line 2, in f\n\s+return 1 \/ 0/,
  },
  ask: 'print("hi", input("Name? "))',
  busy: 'while True: pass',
  sleep: 'import time\ntime.sleep(60)',
  ignoreInterrupt: 'import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint("ready")\ntime.sleep(60)',
  exit3: 'import sys\nsys.exit(3)',
  garbage: 'import os\n_ = os.write(1, b"\\xff\\xfe ok\\n")',
  progress: frames => `for i in range(${frames}): print("\\r%d" % i, end="")`,
  megabytes: count =>
    `line = "x" * 99 + "\\n"\nimport sys\nfor _ in range(${count} * 100): sys.stdout.write(line * 100)`,
  child: 'import subprocess\nprint("before")\nsubprocess.run(["echo", "child"])\nprint("after")',
  slowCount: (count, pauseMs) =>
    `import time\nwith open("ran.txt", "a") as f: f.write("ran\\n")\nfor i in range(${count}):\n    print(i, flush=True)\n    time.sleep(${pauseMs / 1000})`,
  daemon: 'import subprocess\n_ = subprocess.Popen(["sleep", "300"], start_new_session=True)',
  environment: 'import os\nprint(dict(os.environ))',
  killSelf: 'import os\nos.kill(os.getpid(), 9)',
  complete: { code: 'ans', label: 'answer' },
  inspect: { code: 'len', text: /Return the number of items/ },
  variable: { name: 'answer', preview: /^42$/ },
  stderr: 'import sys\nprint("oops", file=sys.stderr)',
  result: '40 + 2',
  large: 'class P:\n    def _repr_png_(self): return b"\\x89PNG" + b"x" * 99996\nP()',
}
