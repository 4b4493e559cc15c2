"""Operations as they really ran, counted and timed alone."""

from __future__ import annotations

import os
import time

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from examples.benchmark.operation_speed import (
    OperationRecorder,
    Speed,
    measure_operations,
    seconds_of_call,
    square_product_speed,
    total,
)
from im2latex_fairseq.decoding.affine import Affine
from im2latex_fairseq.decoding.int8_products import Int8Conv2d, Int8LinearMap
from im2latex_fairseq.decoding.linear_map import LinearMap
from tests.needs_int8 import needs_int8

CPU = torch.device("cpu")


def step(network: torch.nn.Module, images: torch.Tensor) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = network(images).float().sum()
    loss.backward()


@pytest.fixture
def network() -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Conv2d(8, 8, 3, padding=1), torch.nn.Linear(16, 4)
    ).to(memory_format=torch.channels_last)


@pytest.fixture
def recorder(network: torch.nn.Module) -> OperationRecorder:
    recorder = OperationRecorder()
    with recorder:
        step(network, torch.randn(2, 3, 8, 16))
    return recorder


def test_counts_what_torch_counts(network: torch.nn.Module, recorder: OperationRecorder) -> None:
    with FlopCounterMode(display=False) as counter:
        step(network, torch.randn(2, 3, 8, 16))
    assert recorder.flops == counter.get_total_flops() > 0


def test_sees_the_backward_and_what_autocast_makes(recorder: OperationRecorder) -> None:
    kinds = {operation.kind for operation in recorder.counts}
    assert kinds == {"convolutions, forward", "convolutions, backward", "matrix products"}
    forward = [o for o in recorder.counts if o.kind == "convolutions, forward"]
    assert all(operation.dtype is torch.bfloat16 for operation in forward)


def test_equal_calls_are_one_operation() -> None:
    layer, recorder = torch.nn.Linear(4, 4), OperationRecorder()
    with recorder, torch.no_grad():
        for _ in range(3):
            layer(torch.randn(2, 4))
    assert list(recorder.counts.values()) == [3]
    assert recorder.flops == 3 * 2 * 2 * 4 * 4


def test_counts_the_convolution_of_the_stock_decoder() -> None:
    recorder = OperationRecorder()
    inputs, weight, bias = (
        torch.randn(*shape, requires_grad=True) for shape in ((10, 2, 4), (3, 4, 6), (6,))
    )
    with recorder:
        torch.conv_tbc(inputs, weight, bias, 2).sum().backward()
    forward = 2 * 10 * 2 * 4 * 6 * 3  # each of the three taps meets each of the ten inputs
    assert recorder.flops == 3 * forward  # and the backward makes two gradients of them


def test_times_each_kind_alone(recorder: OperationRecorder) -> None:
    speeds = measure_operations(recorder, CPU, min_s=0.0)
    assert total(speeds.values()).flops == recorder.flops
    assert all(speed.gflops > 0 for speed in speeds.values())


def test_the_shortest_time_of_a_call_counts() -> None:
    pauses = iter([0.0, 0.05, 0.001, 0.05, *[0.05] * 100])
    seconds = seconds_of_call(lambda: time.sleep(next(pauses)), CPU, clock=time.perf_counter, min_s=0.0)
    assert 0.001 <= seconds < 0.05


def test_a_square_product_has_two_operations_for_each_multiplication() -> None:
    assert square_product_speed(64, CPU, min_s=0.0).flops == 2 * 64**3


def test_nothing_takes_no_time() -> None:
    assert Speed().gflops == 0.0
    assert total([]) == Speed()


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="no /proc on this system")
def test_cpu_seconds_of_a_group_are_those_of_its_processes() -> None:
    from examples.benchmark.paused_process import group_cpu_seconds

    before = group_cpu_seconds(os.getpgrp())
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    assert group_cpu_seconds(os.getpgrp()) - before >= 0.08


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_linear_map_is_counted_once(mode: type) -> None:
    """Taken apart into a product and a sum, or left whole as in inference mode."""
    linear = torch.nn.Linear(7, 5)
    with mode(), OperationRecorder() as recorder:
        linear(torch.ones(3, 7))
    assert recorder.flops == 2 * 3 * 7 * 5


def test_a_packed_linear_map_is_counted() -> None:
    """What decoding calls instead of `F.linear`, in its types."""
    for dtype in (torch.float32, torch.bfloat16):
        linear = LinearMap(Affine(torch.ones(512, 768), torch.ones(512)), dtype)
        with OperationRecorder() as recorder, torch.inference_mode():
            linear(torch.ones(9, 768, dtype=dtype))
        assert recorder.flops == 2 * 9 * 768 * 512
        assert {operation.dtype for operation in recorder.counts} == {dtype}


@needs_int8
def test_products_of_int8_are_counted() -> None:
    linear = Int8LinearMap(Affine(torch.ones(512, 768), torch.ones(512)))
    convolution = Int8Conv2d(torch.nn.Conv2d(32, 48, (1, 5), padding=(0, 2)))
    with OperationRecorder() as recorder, torch.inference_mode():
        linear(torch.ones(9, 768))
        convolution(torch.ones(2, 32, 4, 8))
    assert sorted(operation.flops for operation in recorder.counts) == [
        2 * (2 * 48 * 4 * 8) * (32 * 5),
        2 * 9 * 768 * 512,
    ]
    assert {operation.dtype for operation in recorder.counts} == {torch.uint8}
    speed = square_product_speed(64, torch.device("cpu"), dtype=torch.uint8, min_s=0.01)
    assert speed.flops == 2 * 64**3 and speed.seconds > 0
