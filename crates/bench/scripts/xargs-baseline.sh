#!/bin/sh
# What the work costs without any supervision: the same git commands, the same 200 ms of work and the same
# gate, 8 at once, by xargs. Frozen: a change of it changes what the numbers mean.
# usage: xargs-baseline.sh REPOSITORY TICKETS GATE
set -e
repo=$1 tickets=$2 gate=$3
export repo gate
seq "$tickets" | xargs -P8 -I{} sh -c '
  set -e
  tree="$repo.baseline/{}"
  # One at a time, as a careful script would do: git takes a lock for it, and when a second one fails at it, the
  # branch may be there already and a second try never succeeds.
  flock "$repo.lock" git -C "$repo" worktree add --quiet -b "baseline/{}" "$tree" main
  cd "$tree"
  sleep 0.2
  echo {} > "work-{}.txt"
  git add --all
  git -c user.name=b -c user.email=b@example.invalid commit --quiet -m "work {}"
  clean="$repo.clean/{}"
  git clone --quiet --shared --no-checkout "$repo" "$clean"
  cd "$clean"
  git checkout --quiet --detach "$(git -C "$tree" rev-parse HEAD)"
  sh -c "$gate"
'
