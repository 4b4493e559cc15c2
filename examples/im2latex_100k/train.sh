#!/usr/bin/env bash
# Train on the prepared data: bash examples/im2latex_100k/train.sh DATA OUTPUT [ARCH] [flags of fairseq-train...]
#
# The recipe of README.md beside this file. It goes on from OUTPUT/checkpoint_last.pt where there is one.
# UPDATES (default 15000) sets the length of the run and of its learning-rate schedule.
# PRECISION (default bfloat16) is float32 for processors on which that is faster, see README.md.
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
data=$1 output=$2 arch=${3:-im2latex_gconv_base}
shift $(($# < 3 ? $# : 3))
case ${PRECISION:-bfloat16} in
bfloat16) precision=(--bf16-autocast) ;;
float32) precision=() ;;
*)
    echo "PRECISION is $PRECISION; it may be bfloat16 or float32" >&2
    exit 2
    ;;
esac
mkdir -p "$output"
repository=$(cd "$(dirname "$0")/../.." && pwd)

exec fairseq-train "$data" \
    --user-dir "$repository/im2latex_fairseq" --task im2latex --arch "$arch" \
    "${precision[@]}" --dropout 0 --seed 1 \
    --augment scale=0.06,scale_chance=0.3,margin=3,stroke=0.3,stroke_chance=0.3,gamma=0.5,gamma_chance=0.3 \
    --max-tokens 2600 --batch-size 12 --required-batch-size-multiple 1 --num-workers 1 \
    --curriculum 1 --curriculum-ramp 2000 \
    --criterion label_smoothed_cross_entropy --label-smoothing 0.1 \
    --optimizer adam --adam-betas '(0.9, 0.98)' --weight-decay 0.01 --clip-norm 1.0 \
    --lr 7e-4 --lr-scheduler cosine --warmup-updates 300 --min-lr 7e-6 --max-update "${UPDATES:-15000}" \
    --valid-subset valid_1000 --max-tokens-valid 10000 --validate-interval-updates 2000 \
    --eval-generate --eval-generate-samples 50 \
    --best-checkpoint-metric bleu --maximize-best-checkpoint-metric \
    --save-dir "$output" --save-interval-updates 2000 --keep-interval-updates 3 --no-epoch-checkpoints \
    --log-format json --log-interval 50 --log-file "$output/train.log" \
    "$@"
