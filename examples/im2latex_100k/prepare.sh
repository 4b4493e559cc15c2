#!/usr/bin/env bash
# Prepare the data of the real run: bash examples/im2latex_100k/prepare.sh DATA OUTPUT [RECIPE]
#
# DATA is the folder that recipe.toml's paths are relative to (README.md says what lies in it), OUTPUT the folder
# to make, which train.sh then takes. A killed run goes on where it was when it is started again; finished steps
# are not done twice. Counts of every step: OUTPUT/report.json. PROCESSES (default: all cores) limits the cores.
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
data=$1 output=$2
repository=$(cd "$(dirname "$0")/../.." && pwd)
recipe=${3:-$repository/examples/im2latex_100k/recipe.toml}

exec python "$repository/preprocess/prepare_data.py" "$recipe" --data "$data" --output "$output" \
    ${PROCESSES:+--processes "$PROCESSES"}
