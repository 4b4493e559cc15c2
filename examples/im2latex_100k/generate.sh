#!/usr/bin/env bash
# Decode a split and score it: bash examples/im2latex_100k/generate.sh DATA CHECKPOINT OUTPUT [SPLIT] [flags of fairseq-generate...]
#
# Writes OUTPUT/generate-SPLIT.txt (fairseq's log: T- references, H- hypotheses) and prints the scores.
# SPLIT is valid_1000 unless given: 1,000 fixed pictures of the official validate split. METRICS (default text) are
# what im2latex score computes; all of them draw formulas by TeX.
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
data=$1 checkpoint=$2 output=$3 split=${4:-valid_1000}
shift $(($# < 4 ? $# : 4))
repository=$(cd "$(dirname "$0")/../.." && pwd)

fairseq-generate "$data" \
    --user-dir "$repository/im2latex_fairseq" --task im2latex --path "$checkpoint" --gen-subset "$split" \
    --beam 5 --max-len-b 200 --max-tokens 8000 --batch-size 64 --required-batch-size-multiple 1 \
    --scoring sacrebleu --sacrebleu-tokenizer none --results-path "$output" "$@"
im2latex score --references "$data/$split.tsv" --hypotheses "$output/generate-$split.txt" --metrics "${METRICS:-text}"
