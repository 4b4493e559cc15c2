# Sourced by the scripts that need the project installed:
#
#     source .ci/setup_environment.sh test,mathtext
#
# Makes or reuses .venv at the top of the checkout, installs the package (editable) with the extras named, pinned
# by constraints.txt, and leaves PYTHON pointing at the environment's interpreter. When nothing that decides
# the installation has changed since the last time it returns at once and touches no network.
#
# PYTHON_FOR_VENV=/path/to/python chooses the interpreter that a new .venv is made from.

im2latex_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHON="$im2latex_root/.venv/bin/python"

im2latex_usable_python() {
    # True if "$1" is a Python that this project runs on and that can make an environment with pip in it.
    "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' \
        >/dev/null 2>&1
}

im2latex_find_python() {
    local candidate
    # 3.11 and 3.12 first: fairseq is there as a wheel, on 3.10 it has to be compiled.
    for candidate in ${PYTHON_FOR_VENV:+"$PYTHON_FOR_VENV"} python3.11 python3.12 python3 python3.10; do
        if im2latex_usable_python "$candidate"; then
            echo "$candidate"
            return 0
        fi
    done
    echo "set-up: found no Python 3.10, 3.11 or 3.12 that can make a virtual environment." >&2
    echo "        Install one (on Debian and Ubuntu: apt-get install python3 python3-venv), or name it:" >&2
    echo "        PYTHON_FOR_VENV=/path/to/python3.11 bash $0" >&2
    return 1
}

im2latex_fingerprint() {
    # What decides the installation: the requirements, the pins, the interpreter and where the checkout lies. The
    # code itself doesn't: an editable installation points at the folder.
    (
        cd "$im2latex_root"
        sha256sum setup.py .ci/constraints.txt
        "$PYTHON" -c 'import sys; print(sys.version)'
        pwd
    ) | sha256sum | cut -d' ' -f1
}

im2latex_setup_environment() {
    local extras=$1 stamp="$im2latex_root/.venv/im2latex-installed" python extra fingerprint missing=""
    local installed_fingerprint="" installed_extras=""

    if [ ! -x "$PYTHON" ]; then
        python=$(im2latex_find_python) || return 1
        echo "set-up: making .venv with $("$python" --version)"
        "$python" -m venv "$im2latex_root/.venv" || return 1
    fi
    if [ -f "$stamp" ]; then
        { read -r installed_fingerprint; read -r installed_extras; } <"$stamp" || true
    fi
    fingerprint=$(im2latex_fingerprint)
    for extra in ${extras//,/ }; do
        case ",$installed_extras," in *",$extra,"*) ;; *) missing="$missing,$extra" ;; esac
    done
    if [ "$fingerprint" = "$installed_fingerprint" ] && [ -z "$missing" ]; then
        echo "set-up: .venv is up to date ($installed_extras)"
        return 0
    fi

    # What is installed already stays installed: the extras of both scripts add up.
    extras="$extras${installed_extras:+,$installed_extras}"
    extras=$(tr ',' '\n' <<<"$extras" | sort -u | paste -sd, -)
    echo "set-up: installing the package with [$extras] and the pins of .ci/constraints.txt into .venv"
    local pip=("$PYTHON" -m pip install --quiet --disable-pip-version-check
        --constraint "$im2latex_root/.ci/constraints.txt")
    # Built without isolation, so that an environment that has everything needs no network, and so that
    # fairseq, where it has no wheel, is compiled against the torch that it will run with.
    "${pip[@]}" 'setuptools>=70.1' wheel || return 1
    if ! "$PYTHON" -c 'import platform, sys; sys.exit((platform.system(), platform.machine()) !=
            ("Linux", "x86_64") or sys.version_info < (3, 11))'; then
        echo "set-up: fairseq has no wheel here and is compiled (some minutes; needs a C++ compiler)"
        "${pip[@]}" 'torch>=2.4,<3' 'numpy>=1.26,<3' cython || return 1
    fi
    "${pip[@]}" --no-build-isolation --editable "$im2latex_root[$extras]" || return 1
    printf '%s\n%s\n' "$fingerprint" "$extras" >"$stamp"
    echo "set-up: done"
}

im2latex_setup_environment "${1:?set-up: which extras? e.g. test,mathtext}" || exit 1
# shellcheck disable=SC2034  # read by the script that sourced this file
PYTHON="$im2latex_root/.venv/bin/python"
