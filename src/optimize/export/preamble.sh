set -euo pipefail

apply='' delete='' buy='' undo='' yes='' failed=0 only=()
while [ $# -gt 0 ]; do
  case "$1" in
    --apply) apply=1 ;;
    --delete) delete=1 ;;
    --buy) buy=1 ;;
    --undo) undo=1 ;;
    --yes) yes=1 ;;
    --only)
      [ $# -gt 1 ] || { echo '--only needs a key' >&2; exit 2; }
      only+=("$2")
      shift
      ;;
    *)
      echo "unknown option $1: expected --apply, --delete, --buy, --undo, --yes or --only KEY" >&2
      exit 2
      ;;
  esac
  shift
done
if [ -n "$apply" ] && [ -z "$yes" ] && [ ! -t 0 ]; then
  echo 'there is no terminal to ask on: --apply needs --yes' >&2
  exit 2
fi

# A command as it would be typed.
show() {
  printf '  '
  printf '%q ' "$@"
  printf '\n'
}
refuse() {
  printf '  %s\n' "$1" >&2
  return 1
}
# Does it, or shows what would be done.
run() {
  show "$@"
  [ -z "$apply" ] || "$@"
}
# What must be true before: the answer of a command that only reads.
expect() {
  local want=$1 found
  shift
  show "$@"
  [ -n "$apply" ] || return 0
  found=$("$@") || return 1
  [ "$found" = "$want" ] || refuse "expected $(printf %q "$want"), found $(printf %q "$found"): left as it is"
}
# What must not be there: the command that reads it must fail with this error.
absent() {
  local error=$1 found
  shift
  show "$@"
  [ -n "$apply" ] || return 0
  if found=$("$@" 2>&1); then
    refuse 'there is one already: change it by hand'
  else
    case "$found" in
      *"$error"*) return 0 ;;
      *) refuse "$(printf %q "$found")" ;;
    esac
  fi
}
# A variable that has to be set.
need() {
  if [ -z "${!1:-}" ]; then
    [ -z "$apply" ] || refuse "set $1 to $2" || return 1
    printf -v "$1" '%s' "<$1>"
  fi
}
# The answer of a command that only reads, for a later one.
look() {
  local variable=$1 found
  shift
  show "$@"
  if [ -z "$apply" ]; then
    printf -v "$variable" '%s' 1
    return 0
  fi
  found=$("$@") || return 1
  [ -n "$found" ] && [ "$found" != None ] || refuse "there is no $variable" || return 1
  printf -v "$variable" '%s' "$found"
}
# One recommendation: its number, what it does, its key and its summary.
step() {
  local number=$1 kind=$2 key=$3 summary=$4 one wanted='' todo="step_$1" answer
  if [ ${#only[@]} -gt 0 ]; then
    for one in "${only[@]}"; do
      [ "$one" != "$key" ] || wanted=1
    done
    [ -n "$wanted" ] || return 0
  fi
  printf '%s. %s\n' "$number" "$summary"
  if [ -n "$undo" ]; then
    todo="undo_$number"
    declare -F "$todo" >/dev/null || {
      echo '  there is no way back by a command'
      return 0
    }
  elif [ -n "$apply" ] && [ "$kind" = delete ] && [ -z "$delete" ]; then
    echo '  left out, because it deletes: --delete does it'
    return 0
  elif [ -n "$apply" ] && [ "$kind" = buy ] && [ -z "$buy" ]; then
    echo '  left out, because it spends money at once: --buy does it'
    return 0
  fi
  if [ -n "$apply" ] && [ -z "$yes" ]; then
    read -r -p '  do it? [y/N] ' answer || return 0
    [ "$answer" = y ] || return 0
  fi
  "$todo" || {
    failed=$((failed + 1))
    echo '  not done' >&2
  }
}
