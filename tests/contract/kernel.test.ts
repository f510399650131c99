/** The kernel contract on every kernel that comes with Meshbook. */
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

for (const language of [python, bash, javascript]) kernelContract(language)
