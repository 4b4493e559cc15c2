#!/usr/bin/env bash
# Sets up the environment (as examples/quickstart/run.sh does) and runs the tests; arguments go to pytest:
#     bash tests/run.sh
#     bash tests/run.sh tests/latex -k tokenizer
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source .ci/setup_environment.sh test,mathtext,onnx,pdf

# A process a core, with one thread each: torch's threads would only wait for one another.
export OMP_NUM_THREADS=1
workers=()
case " $* " in
*" -n"* | *" --pdb "*) ;;
*) workers=(-n "$(env -u OMP_NUM_THREADS nproc 2>/dev/null || echo 2)" --dist worksteal) ;;
esac
exec "$PYTHON" -m pytest "${workers[@]}" --durations 15 "$@"
