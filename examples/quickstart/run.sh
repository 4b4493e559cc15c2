#!/usr/bin/env bash
# Reads sample pictures with the model that the package brings. Then from nothing to a model of one's own that
# reads formulas, on a laptop's CPU, without the network once it is installed: writes formulas, draws them, trains
# on the pictures, reads held-out ones, scores, and shows them on a page.
#
#     bash examples/quickstart/run.sh             # goes on where an earlier run stopped
#     bash examples/quickstart/run.sh --fresh     # from the start
#     bash examples/quickstart/run.sh --mathtext  # draw with matplotlib even where TeX is installed
set -euo pipefail

engine=auto
fresh=false
for argument in "$@"; do
    case $argument in
    --fresh) fresh=true ;;
    --mathtext) engine=mathtext ;;
    *)
        echo "usage: bash examples/quickstart/run.sh [--fresh] [--mathtext]; not known: $argument" >&2
        exit 2
        ;;
    esac
done

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source .ci/setup_environment.sh test,mathtext

here=examples/quickstart
work=$here/work
log=$work/train.log
start=$SECONDS
step() { printf '\n== %s (%d s)\n' "$1" "$((SECONDS - start))"; }

# One thread: the network is small, two would mostly wait for each other. The other core reads and pads pictures.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} PYTHONUNBUFFERED=1 PYTHONWARNINGS=ignore

if $fresh; then
    rm -rf "$work"
fi
mkdir -p "$work/lists"

step "reading sample pictures with the model of the package: im2latex predict $here/pictures"
"$(dirname "$PYTHON")/im2latex" predict "$here/pictures" --json --output "$work/readings.jsonl"
"$PYTHON" -m examples.quickstart.compare_readings \
    --readings "$work/readings.jsonl" --formulas "$here/pictures/formulas.tsv"

step "formulas: $here/formula_grammar.py"
"$PYTHON" -m examples.quickstart.formula_grammar --seed 1 --count 400 --out "$work/lists/test.txt"
"$PYTHON" -m examples.quickstart.formula_grammar --seed 2 --count 200 --out "$work/lists/valid.txt"
"$PYTHON" -m examples.quickstart.formula_grammar --seed 3 --count 10000 --out "$work/lists/train.txt"
wc -l "$work"/lists/*.txt
head -n 3 "$work/lists/test.txt"

step "pictures, splits, dictionary: preprocess/prepare_data.py (reports: $work/prepare.log)"
sed "s/^engine = \"auto\"/engine = \"$engine\"/" "$here/recipe.toml" >"$work/recipe.toml"
"$PYTHON" preprocess/prepare_data.py "$work/recipe.toml" \
    --data "$work/lists" --output "$work/data" >"$work/prepare.log"
for split in train valid test; do
    echo "$split: $(tail -n +2 "$work/data/$split.tsv" | wc -l) pictures"
done
echo "dictionary: $(wc -l <"$work/data/dict.txt") tokens"

step "training: fairseq-train (all of its output: $log)"
train=(
    "$work/data" --user-dir im2latex_fairseq --task im2latex --arch im2latex_gconv_tiny
    --criterion label_smoothed_cross_entropy --label-smoothing 0.1
    --optimizer adam --adam-betas '(0.9, 0.98)' --weight-decay 0.01 --clip-norm 1.0
    --lr 2e-3 --lr-scheduler cosine --warmup-updates 200 --min-lr 2e-5 --max-update 5200
    --max-tokens 3000 --batch-size 12 --required-batch-size-multiple 1 --dropout 0.0 --curriculum 1
    --max-tokens-valid 12000 --batch-size-valid 64 --validate-interval 3
    --eval-generate --eval-generate-samples 100 --seed 1 --cpu --num-workers 1
    --no-epoch-checkpoints --log-format simple --log-interval 100
)
# What was trained, so that a rerun goes on with the same run, skips a finished one, and begins anew otherwise.
run_id=$({
    printf '%s\n' "${train[@]}"
    cat "$work/data/report.json" "$work/data/dict.txt" im2latex_fairseq/models/*.py im2latex_fairseq/models/*/*.py
} | sha256sum | cut -d' ' -f1)
if [ "$(cat "$work/checkpoints/run_id" 2>/dev/null)" != "$run_id" ]; then
    rm -rf "$work/checkpoints"
    mkdir -p "$work/checkpoints"
    echo "$run_id" >"$work/checkpoints/run_id"
fi
if [ -f "$work/checkpoints/finished" ]; then
    echo "already trained: $work/checkpoints (--fresh trains again)"
else
    # The log holds everything; here one line each for progress, scores and whatever went wrong.
    "$(dirname "$PYTHON")/fairseq-train" "${train[@]}" --save-dir "$work/checkpoints" 2>&1 |
        tee "$log" |
        grep --line-buffered -E 'train_inner|\| valid \||num\. shared model params|WARN|ERROR|Error' |
        sed -u -E 's/^[0-9-]+ ([0-9:]+) \| [A-Z]+ \| /\1 /; s/, (wps|wpb|bsz|gnorm|clip|train_wall|wall|nll_loss)=[^,]*//g' || {
        echo "training failed; the end of $log:" >&2
        tail -n 30 "$log" >&2
        exit 1
    }
    touch "$work/checkpoints/finished"
fi

step "decoding held-out formulas: fairseq-generate --beam 5"
"$(dirname "$PYTHON")/fairseq-generate" "$work/data" --user-dir im2latex_fairseq --task im2latex \
    --path "$work/checkpoints/checkpoint_best.pt" --gen-subset test --beam 5 --max-len-b 200 \
    --max-tokens 12000 --batch-size 64 --scoring sacrebleu --sacrebleu-tokenizer none --cpu \
    >"$work/generated.txt" 2>"$work/generate.log" || {
    tail -n 30 "$work/generate.log" >&2
    exit 1
}

step "scores"
"$PYTHON" -m examples.quickstart.write_report --generated "$work/generated.txt" --data "$work/data" \
    --out "$work/report.html" --fact architecture im2latex_gconv_tiny
step "done"
