/** The kernel contract on every kernel that comes with Meshbook. */
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { type KernelLanguage, kernelContract } from './kernel.ts'
import { python } from './kernel-languages.ts'

const bash: KernelLanguage = {
  language: 'bash',
  print: text => `echo '${text}'`,
  setVariable: 'answer=42',
  printVariable: 'echo $answer',
  fail: { code: 'false', name: 'ExitStatus', message: /exit status 1/, traceback: undefined },
  ask: 'read -p "Name? " name; echo "hi $name"',
  busy: 'while true; do :; done',
  sleep: 'sleep 60; echo never',
  ignoreInterrupt: `trap '' INT; echo ready; while true; do sleep 1; done`,
  exit3: 'exit 3',
  garbage: `printf '\\xff\\xfe ok\\n'`,
  progress: frames => `for ((i = 0; i < ${frames}; i++)); do printf '\\r%d' $i; done`,
  megabytes: count => `yes ${'x'.repeat(99)} | head -c ${count}000000`,
  child: 'echo before; sh -c "echo child"; echo after',
  slowCount: (count, pauseMs) =>
    `echo ran >> ran.txt\nfor ((i = 0; i < ${count}; i++)); do echo $i; sleep ${pauseMs / 1000}; done`,
  daemon: 'setsid sleep 300 </dev/null >/dev/null 2>&1 &',
  environment: 'env',
  killSelf: 'kill -9 $$',
  complete: { code: 'echo $answ', label: 'answer' },
  inspect: { code: 'cd', text: /Change the shell working directory/ },
  variable: { name: 'answer', preview: /^42$/ },
  stderr: { none: 'a terminal has one stream for both' },
  result: { none: 'a shell has no values' },
  large: { none: 'a terminal shows text' },
}

const javascript: KernelLanguage = {
  language: 'js',
  print: text => `console.log(${JSON.stringify(text)})`,
  setVariable: 'const answer: number = 42',
  printVariable: 'console.log(String(answer))',
  fail: {
    code: 'function f() {\n  throw new TypeError("bad")\n}\nf()',
    name: 'TypeError',
    message: /^bad$/,
    traceback: /at f \(cell:demo:2:9\)\n.*cell:demo:4:1$/,
  },
  ask: 'console.log("hi", prompt("Name? "))',
  busy: 'for (;;) {}',
  sleep: 'await new Promise(resolve => setTimeout(resolve, 60_000))',
  ignoreInterrupt:
    'console.log("ready"); require("node:child_process").execFileSync("sh", ["-c", "trap \'\' INT; sleep 60"])',
  exit3: 'process.exit(3)',
  garbage: 'process.stdout.write(new Uint8Array([255, 254, 32, 111, 107, 10])); undefined',
  progress: frames => `for (let i = 0; i < ${frames}; i++) process.stdout.write("\\r" + i)`,
  megabytes: count =>
    `{ const line = "x".repeat(99) + "\\n"; for (let i = 0; i < ${count} * 100; i++) process.stdout.write(line.repeat(100)) }`,
  child:
    'console.log("before"); require("node:child_process").execSync("echo child", { stdio: "inherit" }); console.log("after")',
  slowCount: (count, pauseMs) => `require("node:fs").appendFileSync("ran.txt", "ran\\n")
for (let i = 0; i < ${count}; i++) { console.log(String(i)); await new Promise(resolve => setTimeout(resolve, ${pauseMs})) }`,
  daemon: 'require("node:child_process").spawn("sleep", ["300"], { detached: true, stdio: "ignore" }).unref()',
  environment: 'console.log(JSON.stringify(process.env))',
  killSelf: 'process.kill(process.pid, "SIGKILL")',
  complete: { code: 'answ', label: 'answer' },
  inspect: { code: 'answer', text: /number[\s\S]*42/ },
  variable: { name: 'answer', preview: /^42$/ },
  stderr: 'console.error("oops")',
  result: '40 + 2',
  large: 'display.png(new Uint8Array(100_000))',
}

const r: KernelLanguage = {
  language: 'r',
  print: text => `cat(${JSON.stringify(`${text}\n`)})`,
  setVariable: 'answer <- 42',
  printVariable: 'cat(answer)',
  fail: {
    code: 'f <- function() {\n  stop("bad")\n}\nf()',
    name: 'simpleError',
    message: /^bad$/,
    traceback: /^at demo#4: f\(\)\nat demo#2: stop\("bad"\)\nError in f\(\) : bad$/,
  },
  ask: 'name <- readline("Name? ")\ncat("hi", name)',
  busy: 'while (TRUE) {}',
  sleep: 'Sys.sleep(60)',
  ignoreInterrupt: 'cat("ready\\n")\nrepeat suspendInterrupts(for (i in 1:1e9) i)',
  exit3: 'quit(status = 3)',
  garbage: 'cat("\\xff\\xfe ok\\n")',
  progress: frames => `for (i in 0:${frames - 1}) cat("\\r", i, sep = "")`,
  megabytes: count =>
    `line <- paste0(strrep("x", 99), "\\n")\nlines <- strrep(line, 100)\nfor (i in seq_len(${count} * 100)) cat(lines)`,
  child: 'cat("before\\n")\nsystem("echo child")\ncat("after\\n")',
  slowCount: (count, pauseMs) =>
    `cat("ran\\n", file = "ran.txt", append = TRUE)\nfor (i in 0:${count - 1}) {\n  cat(i, "\\n")\n  Sys.sleep(${pauseMs / 1000})\n}`,
  daemon: 'system("setsid sleep 300 </dev/null >/dev/null 2>&1 &")',
  environment: 'cat(names(Sys.getenv()), Sys.getenv())',
  killSelf: 'tools::pskill(Sys.getpid(), 9)',
  complete: { code: 'ans', label: 'answer' },
  inspect: { code: 'mean', text: /Arithmetic Mean/ },
  variable: { name: 'answer', preview: /^42$/ },
  stderr: 'message("oops")',
  result: 'print.plain <- function(x, ...) cat(unclass(x))\nstructure(42, class = "plain")',
  large: 'display_png(as.raw(rep(0, 1e5)))',
}

const julia: KernelLanguage = {
  language: 'julia',
  print: text => `println(${JSON.stringify(text)})`,
  setVariable: 'answer = 42',
  printVariable: 'print(answer)',
  fail: {
    code: 'function f()\n    error("bad")\nend\nf()',
    name: 'ErrorException',
    message: /^bad$/,
    traceback: /at demo#4: f\(\)\n[\s\S]*ErrorException: bad/,
  },
  ask: 'print("Name? ")\nprintln("hi ", readline())',
  // One that neither allocates nor waits has no point at which Julia could be interrupted.
  busy: 'while true\n    sum(rand(100))\nend',
  sleep: 'sleep(60)',
  ignoreInterrupt: 'println("ready")\nBase.disable_sigint() do\n    while true end\nend',
  exit3: 'exit(3)',
  garbage: 'write(stdout, UInt8[0xff, 0xfe]); println(" ok")',
  progress: frames => `for i in 0:${frames - 1}\n    print("\\r", i)\nend`,
  megabytes: count =>
    `let lines = (repeat("x", 99) * "\\n")^100\n    for _ in 1:${count}*100\n        print(lines)\n    end\nend`,
  child: 'println("before")\nrun(`echo child`)\nprintln("after")',
  slowCount: (count, pauseMs) =>
    `open(io -> println(io, "ran"), "ran.txt", "a")\nfor i in 0:${count - 1}\n    println(i)\n    sleep(${pauseMs / 1000})\nend`,
  daemon:
    'run(pipeline(detach(`setsid sleep 300`); stdin = devnull, stdout = devnull, stderr = devnull); wait = false);',
  environment: 'println(ENV)',
  killSelf: 'ccall(:kill, Cint, (Cint, Cint), getpid(), 9)',
  complete: { code: 'ans', label: 'answer' },
  inspect: { code: 'sum', text: /sum\(/ },
  variable: { name: 'answer', preview: /^42$/ },
  stderr: 'println(stderr, "oops")',
  result: '40 + 2',
  large:
    'struct Picture end\nBase.show(io::IO, ::MIME"image/png", ::Picture) = write(io, zeros(UInt8, 100_000))\ndisplay(Picture())',
}

for (const language of [python, bash, javascript, r]) kernelContract(language)

const hasJulia = spawnSync('julia', ['--version']).status === 0
if (hasJulia) kernelContract(julia)
else test('julia: the kernel contract', { skip: 'Julia is not installed' }, () => undefined)
