# Read by the kernel's shell at its start. Cells come one at a time: their number through a named pipe, their text in a
# file, so that nothing of them passes through the terminal. The shell is interactive, which makes an interrupt end the
# cell and nothing else: bash then falls back to its prompt, and the prompt's command is the loop below.
stty -onlcr -echo 2>/dev/null
set +o history +m
unset HISTFILE
PS1= PS2=
export -n __meshbook_scratch __meshbook_nonce

# Whatever ends the shell (`exit`, `set -e`), its state is there for the next one.
__meshbook_save() {
  local __meshbook_name
  {
    while read -r __meshbook_name; do
      case $__meshbook_name in
        __meshbook_* | BASH* | SHELLOPTS | EUID | PPID | UID | FUNCNAME | _ | PROMPT_COMMAND | PIPESTATUS | GROUPS | DIRSTACK) ;;
        RANDOM | SRANDOM | SECONDS | EPOCH* | LINENO | HISTCMD | COMP_WORDBREAKS | OPTIND | IFS | PS1 | PS2 | SHLVL) ;;
        *) declare -p "$__meshbook_name" 2>/dev/null ;;
      esac
    done < <(compgen -v)
    declare -f
    alias -p
    shopt -p
    printf 'cd -- %q\n' "$PWD"
  } >"$__meshbook_scratch/state"
}
trap __meshbook_save EXIT

tty >"$__meshbook_scratch/tty"
if [ -f "$__meshbook_scratch/state" ]; then
  . "$__meshbook_scratch/state" 2>/dev/null
  rm -f "$__meshbook_scratch/state"
else
  compgen -v >"$__meshbook_scratch/initial"
  # With their values, so that it is known later which of them a cell has changed.
  while read -r __meshbook_name; do
    declare -p "$__meshbook_name" 2>/dev/null && printf '\0'
  done < <(compgen -v) >"$__meshbook_scratch/initial-values"
  shopt -p >"$__meshbook_scratch/initial-options"
fi
exec 251<"$__meshbook_scratch/control"

# On one line, so that bash counts the lines of a cell from 1.
PROMPT_COMMAND='if [ -n "$__meshbook_run" ]; then __meshbook_run=; printf "\033]mb;%s;130\007" "$__meshbook_nonce" >/dev/tty; fi; while IFS= read -r -d "" __meshbook_run <&251; do IFS= read -r -d "" __meshbook_code <"$__meshbook_scratch/cell"; printf "\033]mb;%s;begin\007" "$__meshbook_nonce" >/dev/tty; builtin eval "$__meshbook_code"; __meshbook_status=$?; __meshbook_run=; builtin printf "\033]mb;%s;%s\007" "$__meshbook_nonce" "$__meshbook_status" >/dev/tty; builtin jobs >/dev/null 2>&1; done; builtin exit'
