# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# How a script says what it does: `begin_steps N`, then `step TEXT` before each of its N parts, `end_steps` after the last.
# Each part's time is printed when it is over, and all of them at the end.
steps_total=0 steps_done=0 steps_started=0 step_started=0 step_text=""
steps_summary=()

duration_text() {
  local seconds=$1
  if [ "$seconds" -ge 60 ]; then printf '%d min %02d s' $((seconds / 60)) $((seconds % 60)); else printf '%d s' "$seconds"; fi
}
begin_steps() { steps_total=$1 steps_started=$SECONDS; }
finish_step() {
  [ -n "$step_text" ] || return 0
  steps_summary+=("$(printf '%12s  %s' "$(duration_text $((SECONDS - step_started)))" "$step_text")")
  step_text=""
}
step() {
  finish_step
  steps_done=$((steps_done + 1)) step_started=$SECONDS step_text=$*
  if [ -t 1 ]; then printf '\n\033[1m[%d/%d] %s\033[0m\n' "$steps_done" "$steps_total" "$*"; else printf '\n[%d/%d] %s\n' "$steps_done" "$steps_total" "$*"; fi
}
end_steps() {
  finish_step
  printf '\n'
  printf '%s\n' "${steps_summary[@]}"
  printf '%12s  in all\n' "$(duration_text $((SECONDS - steps_started)))"
}
