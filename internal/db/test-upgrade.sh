#!/bin/sh
# Data written by each tagged version, and by this one, open in this one. Run from the project's root by make test-upgrade.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"; git worktree prune' EXIT
new=$PWD/bin/ravn

"$new" gentestdata --dir "$work/now" && "$new" gentestdata --check --dir "$work/now"

tags=$(git tag --list 'v*')
[ -n "$tags" ] || { echo "test-upgrade: no version is tagged yet; data of this version open in this version"; exit 0; }
for tag in $tags; do
	git worktree add -q --detach "$work/src-$tag" "$tag"
	(cd "$work/src-$tag" && go build -o "$work/ravn-$tag" ./cmd/ravn)
	git worktree remove --force "$work/src-$tag"
	"$work/ravn-$tag" gentestdata --dir "$work/$tag"
	"$new" gentestdata --check --dir "$work/$tag"
	echo "test-upgrade: data of $tag open"
done
